// The agents, and how each is told what to do.
import { fileURLToPath } from 'node:url';
import { Agent } from '../clients/agent.mjs';
import { commandInReadme, fileInReadme } from '../clients/readme.mjs';

// Packages' scripts do not run, which would put two of the programs where their commands look for them.
const programs = ['@anthropic-ai/claude-code-linux-x64', 'opencode-linux-x64/bin', '.bin']
  .map((path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url)));

const opencode = (api, npm) => ({
  name: `opencode, \`${npm}\``, package: 'opencode-ai', api, program: 'opencode',
  env: { OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' },
  configure(agent, url) {
    const path = '~/.config/opencode/opencode.json';
    const config = JSON.parse(fileInReadme(path, url));
    config.provider.fathom.npm = npm;
    agent.write(path, JSON.stringify({ ...config, autoupdate: false, permission: 'allow' }));
  },
  begin: (text) => ['run', text],
  goOn: (text) => ['run', '--continue', text],
  shell: (command) => ({ name: 'bash', arguments: { command, description: 'A step' } }),
  read: (file) => ({ name: 'read', arguments: { filePath: file } }),
});

export const agents = [
  {
    name: 'Claude Code', package: '@anthropic-ai/claude-code', api: 'messages', program: 'claude',
    env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', IS_SANDBOX: '1' },
    configure() {},
    begin: (text) => ['--dangerously-skip-permissions', '-p', text],
    goOn: (text) => ['--dangerously-skip-permissions', '--continue', '-p', text],
    shell: (command) => ({ name: 'Bash', arguments: { command, description: 'A step' } }),
    read: (file) => ({ name: 'Read', arguments: { file_path: file } }),
  },
  {
    name: 'Codex', package: '@openai/codex', api: 'responses', program: 'codex', env: {},
    configure(agent, url) {
      const path = '~/.codex/config.toml';
      const quiet = 'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n' +
        'check_for_update_on_startup = false\nanalytics.enabled = false\n';
      agent.write(path, quiet + fileInReadme(path, url));
    },
    begin: (text) => ['exec', '--skip-git-repo-check', text],
    goOn: (text) => ['exec', '--skip-git-repo-check', 'resume', '--last', text],
    // Codex turns to other things after ten seconds unless it is told to wait.
    shell: (command) => ({ name: 'exec_command', arguments: { cmd: command, yield_time_ms: 30000 } }),
    read: (file) => ({ name: 'exec_command', arguments: { cmd: `cat ${file}` } }),
  },
  opencode('chat completions', '@ai-sdk/openai-compatible'),
  opencode('responses', '@ai-sdk/openai'),
  opencode('messages', '@ai-sdk/anthropic'),
];

/** One of them in a new home, pointed at the server as the README says. */
export function makeAgent({ program, env, configure }, url) {
  const agent = new Agent(commandInReadme(program, url), programs, env);
  configure(agent, url);
  return agent;
}
