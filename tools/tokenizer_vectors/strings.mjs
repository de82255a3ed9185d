// Strings of many kinds, the same for the same seed.

/** Numbers in [0, 1), from a 32-bit seed. */
export function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const english = `The harbour lay quiet that morning; only the gulls argued over what the boats had left.
"You can't be serious," she said, "we'd never make it before o'clock struck twelve — not in this weather."
It's the kind of problem that looks easy until you've tried it twice, and then it isn't.
In 1847, roughly 3,200 people lived there; by 1901 the census counted 18,446 (see Table 4.2).
Dr. O'Neill's notes (unpublished, c. 1932) don't mention the e-mail-like telegrams they'll have sent.
Re-reading the well-known paper, I'd say: n = 12, p < 0.05, and a state-of-the-art baseline at 97.3%.
Mr. and Mrs. Alder paid $1,299.99 + tax for the TV; he'd wanted the 65-inch one, hadn't he?
Naïve café-goers, jalapeño in hand, debate the coöperative's façade and its über-cool résumé.`;

const codeSnippets = [
  'def fib(n: int) -> int:\n    """Return the n-th number."""\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n',
  '#include <vector>\n\ntemplate <typename T>\nT Sum(const std::vector<T>& xs) {\n\tT s{};\n\tfor (auto&& x : xs) s += x;\n\treturn s;\n}\n',
  'const f = async ({a, b = 2, ...rest}) => {\r\n  await Promise.all([a?.b ?? `x${b}`]);\r\n};\r\n',
  'fn main() {\n    let v: Vec<_> = (0..10).map(|x| x * x).collect();\n    println!("{:?}", v);\n}\n',
  "SELECT u.name, COUNT(*) AS n FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.age >= 18 AND name LIKE '%\\_x' GROUP BY 1;",
  'for i in $(seq 1 10); do echo "$i" | awk \'{print $1*2}\' >> /tmp/out.txt 2>&1; done\n',
  '<div class="row" data-id=\'7\'><a href="https://example.org/a?b=c&d=%20e#f">link</a><!-- note --></div>',
  '{"k": [1, 2.5e-3, null, true], "nested": {"\\u00e9": "line\\nbreak"}}',
  'package main\n\nimport "fmt"\n\nfunc main() {\n\tdefer func() { recover() }()\n\tfmt.Printf("%08.3f|%-10s|%+v\\n", 3.14, "go", struct{ X int }{1})\n}\n',
  '\\begin{align}\n  \\int_0^\\infty e^{-x^2}\\,dx &= \\frac{\\sqrt{\\pi}}{2} \\\\\n\\end{align}\n',
  'main :: IO ()\nmain = mapM_ print $ takeWhile (<100) [x^2 | x <- [1..], odd x]\n',
  '# Title\n\n- item **bold** _it_\n  1. sub `code`\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n```js\nlet x;\n```\n',
  'mov\teax, [ebp-0x1C]\n.L3:\n\tadd\teax, 1\t; ++i\n\tjne\t.L3\n',
  '@@ -1,4 +1,5 @@\n-old_line(1);\n+newLine(2);\n+++ b/src/a.ts\n context\n',
];

const sentences = {
  chinese: '今天的天气很好，我们决定去公园散步。他说：“这个问题并不简单！”2023年，该市人口约为1,234万；其中老年人占18.6%。機器學習與自然語言處理是熱門的研究領域（見第三章）。龘靐齉爩，㐀㐁㐂，𠀀𠀁𠀂。',
  japanese: '吾々は駅まで歩いて行った。カタカナとひらがな、そして漢字が混ざっています。ﾊﾝｶｸｶﾅもあります！「そうですか？」と彼女は言った。ガギグゲゴ、ー、々、〆、ヶ、㍿、①②③。',
  korean: '오늘은 날씨가 매우 좋습니다. 그는 "정말입니까?"라고 물었다. 2024년 3월 15일, 서울특별시 인구는 약 938만 명이다. 각각 가나다 ㄱㄴㄷ ㅏㅑㅓ.',
  arabic: 'السَّلامُ عَلَيْكُم ورحمة الله. ذهب الولدُ إلى المدرسة، ثم عاد في الساعة ٧:٣٠ مساءً؟ العربية تُكتب من اليمين إلى اليسار؛ ۱۲۳۴ فارسی نیم‌فاصله می‌خواهد.',
  hebrew: 'שָׁלוֹם עוֹלָם! מה שלומך היום? בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ׃ צה״ל וארה״ב, ג׳ירפה.',
  thai: 'สวัสดีครับ วันนี้อากาศดีมาก ผมไปตลาดซื้อผลไม้ ๑๒๓ บาท น้ำใจไมตรี กรุงเทพฯ เป็นเมืองหลวงของประเทศไทย',
  devanagari: 'नमस्ते दुनिया। हिन्दी में संयुक्ताक्षर होते हैं: क्ष, त्र, ज्ञ, श्री। मैंने १२३ किताबें पढ़ीं, क्या आपने भी पढ़ी हैं? ॐ शान्तिः।',
  russian: 'В начале было слово, и слово это — «привет». Ёжик съел 15 яблок в 1998-м году; объём не изменился.',
  greek: 'Η γρήγορη αλεπού πηδάει πάνω από τον τεμπέλη σκύλο· ἐν ἀρχῇ ἦν ὁ λόγος, ΐ ΰ ς.',
  vietnamese: 'Tiếng Việt có rất nhiều dấu thanh: ắ ằ ẳ ẵ ặ, ướt, nghiêng — cảm ơn bạn rất nhiều!',
  others: 'ქართული ენა. Հայերեն լեզու։ தமிழ் மொழி கடினமா? తెలుగు ಕನ್ನಡ മലയാളം ລາວ မြန်မာဘာသာ አማርኛ። ᠮᠣᠩᠭᠣᠯ ᐃᓄᒃᑎᑐᑦ ᎠᏂᏴᏫᏯᎢ ༄༅།བོད་ཡིག',
};

const emoji = ['😀', '👍🏽', '👨‍👩‍👧‍👦', '🏳️‍🌈', '🇩🇪', '🇯🇵🇺🇸', '1️⃣', '❤️', '☎︎', '🤷🏿‍♀️', '🧑‍💻', '🫠', '©️', '™', '✨', '♂', '\u200d', '\ufe0f'];
const spaces = [' ', '  ', '   ', '\t', '\t\t', '\n', '\n\n', '\r\n', '\r', '\u00a0', '\u3000', '\u2003', '\u200a', '\u2028', '\u2029', '\u0085', '\u1680', '\u180e', '\u200b', '\ufeff', '\v', '\f', '\u202f', '\u205f', '\u001c', '\u0000'];
const punctuation = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', '…', '—', '–', '“', '”', '‘', '’', '«', '»', '¿', '¡', '§', '¶', '•', '、', '。', '，', '！', '？', '：', '；', '（', '）', '【', '】', '《', '》', '「', '」', '・', '～', '￥', '€', '£', '¥', '₿', '±', '×', '÷', '≤', '∑', '√', '∞', '→', '⇒', '■', '▁', '｜', '°', '′', '٪', '؟', '।'];
const digits = [...'0123456789', '٠', '٣', '٩', '۵', '०', '९', '๓', '０', '９', '²', '½', '¾', 'Ⅷ', 'ⅳ', '①', '㊿', '𝟘', '𝟡', '一', '〇', '三', '௧', '༣', '၅'];
const contractions = ["'s", "'S", "'t", "'re", "'LL", '’s', "'d", "'ve", "n't", "'m", "'ſ"];
const marks = ['\u0301', '\u0308', '\u0323', '\u20dd', '\u093c', '\u0e48', '\u064b', '\u05b0', '\u3099', '\ufe20', '\u0345'];

/** Makers of one string each, by kind. `specials`: the contents of the added tokens. */
export function makeKinds(random, specials) {
  const below = (count) => Math.floor(random() * count);
  const pick = (items) => items[below(items.length)];
  const repeat = (count, make) => Array.from({ length: count }, make).join('');
  const slice = (text, most) => {
    const characters = [...text];
    const begin = below(characters.length);
    return characters.slice(begin, begin + 1 + below(most)).join('');
  };
  const codePoint = (low, high) => {
    const value = low + below(high - low + 1);
    return value >= 0xd800 && value <= 0xdfff ? '\ufffd' : String.fromCodePoint(value);
  };
  const words = english.split(/\s/);
  const allSentences = Object.values(sentences);
  const anything = () =>
    pick([
      () => pick(words), () => slice(pick(allSentences), 6), () => pick(emoji), () => pick(spaces),
      () => repeat(1 + below(3), () => pick(punctuation)), () => repeat(1 + below(5), () => pick(digits)),
      () => pick(contractions), () => pick(marks), () => slice(pick(codeSnippets), 12), () => pick(specials),
      () => codePoint(0x20, 0x10ffff),
    ])();

  const kinds = {
    english: () => slice(english, 160),
    words: () => repeat(1 + below(12), () => pick([pick(words), pick(words).toUpperCase(), pick(contractions)]) + pick([' ', ' ', ' ', '  ', '\n', ''])),
    code: () => slice(pick(codeSnippets), 200),
    indented: () => repeat(1 + below(6), () => pick(['\n', '\r\n', '\n\n', '']) + ' '.repeat(below(9)) + '\t'.repeat(below(3)) + slice(pick(codeSnippets), 20)),
    emoji: () => repeat(1 + below(8), () => pick(emoji) + pick(['', '', ' ', 'a', '!'])),
    digits: () => repeat(1 + below(14), () => pick(digits)) + pick(['', ' ', '.', 'px', '年']),
    numbers: () => repeat(1 + below(6), () => String(below(10 ** (1 + below(9)))) + pick([' ', ',', '.', '-', ':', '/', 'e', 'x', '%', '\n'])),
    punctuation: () => repeat(1 + below(12), () => pick(punctuation)) + pick(['', 'abc', 'é', '中', '\n', '\r\n\r\n', ' ', '7']),
    punctuationAndWords: () => repeat(1 + below(10), () => pick(['', ' ']) + pick(punctuation) + pick(['', ' ']) + pick([pick(words), slice(pick(allSentences), 3)])),
    whitespace: () => repeat(1 + below(10), () => pick(spaces)) + pick(['', 'x', '好', '!', '1']) + pick(['', pick(spaces)]),
    whitespaceAndWords: () => repeat(1 + below(8), () => repeat(below(4), () => pick(spaces)) + pick(words)),
    marks: () => repeat(1 + below(10), () => pick(['a', 'e', 'n', ' ', 'क', 'か', 'ก', '1', '!', 'ب']) + repeat(below(4), () => pick(marks))),
    special: () => repeat(1 + below(5), () => pick([pick(specials), pick(words), pick(spaces), '', slice(pick(allSentences), 3)]) + pick(specials)),
    brokenSpecial: () => repeat(1 + below(3), () => slice(pick(specials), 12) + pick(['', ' ', '<', '｜', '>'])),
    mixed: () => repeat(1 + below(10), anything),
    latin: () => repeat(1 + below(20), () => codePoint(0x20, 0x24f)),
    lowPlane: () => repeat(1 + below(12), () => codePoint(0, 0xffff)),
    allPlanes: () => repeat(1 + below(10), () => codePoint(0, 0x10ffff)),
    symbols: () => repeat(1 + below(12), () => codePoint(0x2000, 0x33ff)),
    cjkEdges: () => repeat(1 + below(12), () => pick([codePoint(0x3000, 0x3130), codePoint(0x4dfe, 0x4e02), codePoint(0x9fa3, 0x9fff), codePoint(0xf900, 0xfaff), 'a', ' ', '1'])),
    runs: () => pick(['a', ' ', '\n', '=', '-', '哈', '1', 'ab', '\t', '😀', 'é', '\r\n', '.', 'Ａ', '\u00a0'])
      .repeat(1 + below(pick([8, 40, 300]))) + pick(['', 'x', ' ', '\n']),
    control: () => repeat(1 + below(12), () => pick([codePoint(0, 0x1f), codePoint(0x7f, 0xa0), 'a', ' '])),
  };
  for (const [name, text] of Object.entries(sentences)) kinds[name] = () => slice(text, 80);
  return kinds;
}
