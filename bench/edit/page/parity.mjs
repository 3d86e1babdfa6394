// Is the model on this machine's GPU the model?
//   parity.html?[prompts=NAME,...][&captions=5250][&skip=N][&seconds=300][&vendor=NAME]
// The golden prompts beside the oracle and beside the CPU's int8 kernels; then captions of
// tests/edit/lossless.h, edited with drafts, beside one token a pass, in an order that any beginning
// of it is spread over the list. Bundled by device/pack.sh.
import { openGpu } from '../../../sdk/src/gpu/device.ts'
import { editsAndPlain, goldenRows, goldenTokens, sameRows } from '../../../tests/gpu/parity.mjs'
import { CPU, GPU, S, sidesOn } from '../../../tests/gpu/side.mjs'

const LISTED = 5250
const STRIDE = 1597 // no common factor with it
const query = new URLSearchParams(location.search)
const number = (name, otherwise) => Number(query.get(name) ?? otherwise)
const bytesOf = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer())
const told = (name, value) => console.log(name, JSON.stringify(value)) ?? value

async function open(s, side, file, kernels) {
  const options = kernels ? { kernels } : {}
  const status = await s.load(side, file, { ctx: 1024, chunk: 1 << 22, ...options })
  if (status !== S.ok) throw new Error(`status ${status}: ${s.line}`)
}

function* captions(s, corpus) {
  const skip = number('skip', 0)
  for (let i = skip; i < skip + number('captions', LISTED) && i < LISTED; i++)
    yield s.caption(corpus, (i * STRIDE) % LISTED)
}

window.run = async () => {
  const { gpu } = await openGpu(navigator.gpu)
  const { vendor, architecture } = gpu.facts
  const wanted = query.get('vendor')
  if (wanted && vendor !== wanted) throw new Error(`the GPU is ${vendor}'s, not ${wanted}'s`)
  const module = await WebAssembly.compileStreaming(fetch('/parity/test_gpu_model.wasm'))
  const [file, corpus, golden] = await Promise.all([
    bytesOf('/model/model.gguf'),
    bytesOf('/parity/edit_lines.txt'),
    fetch('/parity/golden_smollm2.json').then((r) => r.json()),
  ])
  const s = await sidesOn(module, gpu)
  await open(s, GPU, file)
  const report = { gpu: { vendor, architecture } }
  const named = query.get('prompts')?.split(',')
  const prompts = golden.prompts.filter((p) => named?.includes(p.name) ?? true)
  if (prompts.length > 0) {
    s.e.caches_open(GPU, 256)
    const rows = await goldenRows(s, GPU, prompts)
    report.golden = told('golden', goldenTokens(prompts, rows))
    await open(s, CPU, file, 'simd128')
    s.e.caches_open(CPU, 256)
    report.int8 = told('int8', sameRows(rows, await goldenRows(s, CPU, prompts)))
    s.e.side_close(CPU)
  }
  if (s.e.session_open(GPU) !== S.ok) throw new Error(s.line)
  const start = performance.now()
  const edits = await editsAndPlain(s, captions(s, corpus), number('seconds', 300))
  const seconds = Math.round((performance.now() - start) / 1000)
  report.lossless = told('lossless', { ...edits, seconds })
  return report
}
