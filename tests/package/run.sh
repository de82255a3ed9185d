#!/usr/bin/env bash
# Builds the Debian packages, installs "fathom", uses it as installed, removes it, and looks for what
# is left. Changes the system that it runs on: as root, where no package "fathom" is installed.
#   tests/package/run.sh [BUILD]    BUILD: the build's directory; build/release without it
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${1:-build/release}")
scratch=$(mktemp -d)
scratch_of_apt=$scratch/packages # which apt's own user reads
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

if dpkg-query --show fathom >/dev/null 2>&1; then
  echo 'package: a package "fathom" is installed here; it would be replaced' >&2
  exit 1
fi

tests=0
failed=0
# check NAME COMMAND...: counts a test; what it prints is shown if it fails.
check() {
  local name=$1 log=$scratch/log
  shift
  ((tests += 1))
  if "$@" >"$log" 2>&1; then
    echo "ok      $name"
  else
    ((failed += 1))
    echo "FAILED  $name"
    sed 's/^/        /' "$log"
  fi
}

build_packages() {
  cpack --config "$build/CPackConfig.cmake" -B "$scratch_of_apt" &&
    rm -rf "$scratch_of_apt/_CPack_Packages" && ls "$scratch_of_apt"/fathom_*.deb
}

# Manual pages and the like, even where the system leaves them out.
install_package() {
  apt-get install --yes -qq --no-install-recommends -o DPkg::Lock::Timeout=300 \
    -o DPkg::Options::='--path-include=/usr/share/*' "$scratch_of_apt"/fathom_*.deb &&
    dpkg --listfiles fathom >"$scratch/listing"
}

# From a directory that has no model of its own.
answers_by_itself() {
  local answer
  cd / && [[ $(command -v fathom) == /usr/bin/fathom ]] && fathom --version &&
    answer=$(fathom run --system 'The code of olive heron is 4711.' -p 'Code of olive heron?' \
      --temp 0 --threads 1) && echo "$answer" && [[ $answer == 4711 ]]
}

commands() { fathom --help | sed -nE 's/^  ([a-z-]+) {2,}[A-Z].*/\1/p'; }
options() { fathom "$1" --help | sed -nE 's/^  (-[a-z], |    )(--[a-z-]+).*/\2/p' | sort; }

has_pages() {
  local command
  for command in $(commands); do
    man -w "fathom-$command" || return
  done
  man -w fathom && man fathom-serve | grep -- '--kv-memory BYTES' >/dev/null
}

# "missing date" is all that mandoc may say: a page that has one differs with every build.
has_clean_pages() {
  local page
  for page in /usr/share/man/man1/fathom*.1.gz; do
    zcat "$page" >"$scratch/page.1" && groff -ww -z -man -Tutf8 "$scratch/page.1" || return
    ! mandoc -T lint -W warning "$scratch/page.1" | grep -v 'missing date' || return
  done 2>&1 | tee "$scratch/lint"
  [[ ! -s $scratch/lint ]]
}

completes_in_bash() {
  bash -euc 'source /usr/share/bash-completion/completions/fathom
    complete -p fathom
    COMP_WORDS=(fathom run --thi) COMP_CWORD=2
    _fathom
    [[ ${COMPREPLY[*]} == --think ]]'
}

completes_in_fish() {
  local command
  for command in $(commands); do
    diff <(options "$command") \
      <(fish -c "complete -C 'fathom $command --'" | cut -f 1 | sort) || return
  done
  [[ $(fish -c "complete -C 'fathom run --think '" | cut -f 1 | sort | xargs) == 'high max none' ]]
}

# zsh completes on a terminal only. What has been completed is what "fathom" is called with.
completes_in_zsh() {
  zsh -fc '
    zmodload zsh/zpty
    zpty shell zsh -fi
    zpty -w shell "PS1=; autoload -U compinit; compinit -u -D; fathom() { print -r called \$# \$@. }"
    zpty -w -n shell $'"'"'fathom run --interl\t--think=hi\t\n'"'"'
    zpty -w -n shell $'"'"'fathom toke\t\n'"'"'
    zpty -w shell "print all-done | tr a-z A-Z"
    while zpty -r shell line; do
      print -r -- "$line"
      [[ $line == *ALL-DONE* ]] && break
    done' >"$scratch/zsh" 2>&1
  cat "$scratch/zsh"
  grep -q 'called 3 run --interleave --think=high' "$scratch/zsh" &&
    grep -q 'called 1 tokenize' "$scratch/zsh"
}

has_good_unit() {
  systemd-analyze verify --man=no /usr/lib/systemd/system/fathom.service || return
  local exposure
  exposure=$(systemd-analyze security --offline=true /usr/lib/systemd/system/fathom.service |
    tee /dev/stderr | sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
  awk -v exposure="$exposure" 'BEGIN { exit !(exposure != "" && exposure <= 2.0) }'
}

# What the unit starts, with a cache and a port of its own: it listens, and SIGTERM ends it well.
serves_with_the_settings() {
  local settings=/etc/fathom/serve.toml
  FATHOM_PORT=0 FATHOM_KV_DIR=$scratch/cache fathom serve --config "$settings" \
    >"$scratch/served" 2>&1 &
  local server=$! i
  for ((i = 0; i < 300; ++i)); do
    ! grep -q Listening "$scratch/served" || break
    sleep 0.1
  done
  kill -TERM "$server" && wait "$server"
  local status=$?
  cat "$scratch/served"
  grep -q 'Listening on http://127.0.0.1:' "$scratch/served" && [[ $status -eq 0 ]]
}

keeps_changed_settings() {
  echo '# changed' >>/etc/fathom/serve.toml
  apt-get remove --yes -qq -o DPkg::Lock::Timeout=300 fathom &&
    grep -q changed /etc/fathom/serve.toml && [[ ! -e /usr/bin/fathom ]]
}

leaves_nothing() {
  mkdir -p /var/cache/private/fathom
  apt-get purge --yes -qq -o DPkg::Lock::Timeout=300 fathom || return
  local file left=0
  while read -r file; do
    # Folders may be others', too; those of the name are not.
    if [[ -e $file && (! -d $file || $file == *fathom*) ]]; then
      echo "left: $file"
      left=1
    fi
  done < <(cat "$scratch/listing" && printf '%s\n' /var/cache/fathom /var/cache/private/fathom)
  ! dpkg-query --show fathom && ((left == 0))
}

check 'the packages are built' build_packages
# The page of fathom-train is in the package that it depends on; "has_pages" looks for all of them.
check 'lintian has nothing to say' lintian --allow-root --fail-on error,warning \
  --suppress-tags no-manual-page "$scratch_of_apt"/*.deb
check 'the package is installed' install_package
if ((failed == 0)); then
  check 'the installed program finds its model' answers_by_itself
  check 'man finds a page for each command' has_pages
  check 'the pages are clean' has_clean_pages
  check 'bash completes' completes_in_bash
  check 'fish completes every option' completes_in_fish
  check 'zsh completes' completes_in_zsh
  check 'the unit is valid, its exposure at most 2.0' has_good_unit
  check 'the settings are good' serves_with_the_settings
  check 'removal keeps the settings' keeps_changed_settings
fi
check 'purging leaves nothing' leaves_nothing
echo "package: $failed tests failed out of $tests"
((failed == 0))
