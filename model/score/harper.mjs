// Harper's corrections, for the scoreboard: JSON strings, one a line, on stdin -> the same lines
// with the first suggestion of every finding taken, on stdout. Owns nothing else.
// usage: node harper.mjs FOLDER      (FOLDER: setup.sh's, with harper.js in node_modules)
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const dist = pathToFileURL(`${process.argv[2]}/node_modules/harper.js/dist/`).href;
const { LocalLinter } = await import(`${dist}index.js`);
const { binaryInlined } = await import(`${dist}binaryInlined.js`);
const linter = new LocalLinter({ binary: binaryInlined });
await linter.setup();

/** From the last finding to the first, so that places stay; one that overlaps is left out. */
async function corrected(text) {
  const lints = await linter.lint(text, { language: 'plaintext' });
  let end = text.length + 1;
  for (const lint of lints.sort((a, b) => b.span().start - a.span().start)) {
    const [first] = lint.suggestions();
    if (!first || lint.span().end > end) continue;
    end = lint.span().start;
    text = await linter.applySuggestion(text, lint, first);
  }
  return text;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await corrected(JSON.parse(line))));
}
