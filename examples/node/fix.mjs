// Fixes every caption of a file, on the CPU of this machine: node fix.mjs MODEL IN.srt OUT.srt
// MODEL is a GGUF file, or the path or URL of a folder that holds manifest.json.
import { readFile, writeFile } from 'node:fs/promises'
import { captions, Nearfield } from 'nearfield'

const [model, input, output] = process.argv.slice(2)
const file = await readFile(input)
const { cues, format } = await captions.parse(file)
const nf = await Nearfield.open({ model })
let changed = 0
for (const [i, cue] of cues.entries()) {
  const context = { before: cues[i - 1]?.text ?? '', after: cues[i + 1]?.text ?? '' }
  const { text, verdict } = await nf.edit({ task: 'fix', text: cue.text, format, context })
  if (verdict !== 'changed') continue
  cue.text = text
  changed++
}
nf.close()
await writeFile(output, await captions.write(file, cues, format))
console.log(`${changed} of ${cues.length} captions changed, ${nf.status.kernels}`)
