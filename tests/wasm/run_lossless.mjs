// Losslessness over the long list of captions, in WebAssembly (node 22):
//   node run_lossless.mjs MODULE.wasm MODEL.gguf [--threads N] [--captions N] [--seconds S]
//                         [--adapter FILE] [--shard I/N]
// Each caption is edited with drafts and compared with one token a pass (tests/edit/lossless.h,
// lossless_side.h). The captions go in an order that any beginning of it is spread over the list,
// so a run that ends by --seconds, or by --captions, is an even choice. Last line
// "N captions, M differ"; exit 1 when one does. --shard 2/7: every seventh of them, from the second
// on, for several at once. Does not know which kernels a module holds.
import { openCaptions, text } from './captions.mjs'

const listed = 5250 // 5,217 after those whose spans are put back
const stride = 1597 // no common factor with it

const args = process.argv.slice(2)
const option = (name, otherwise) => {
  const at = args.indexOf(`--${name}`)
  return at < 0 ? otherwise : args.splice(at, 2)[1]
}
const nThreads = Number(option('threads', 1))
const nCaptions = Math.min(Number(option('captions', listed)), listed)
const seconds = Number(option('seconds', Number.POSITIVE_INFINITY))
const adapterPath = option('adapter')
const [shard, nShards] = option('shard', '1/1').split('/').map(Number)
const [modulePath, modelPath] = args

const { e, memory, close } = await openCaptions(modulePath, modelPath, nThreads, adapterPath)
if (e.captions_side() !== 0) throw new Error('captions_side: no memory')
const until = performance.now() + seconds * 1000
let compared = 0
let differ = 0
let skipped = 0
for (let i = shard - 1; i < nCaptions && performance.now() < until; i += nShards) {
  const line = (i * stride) % listed
  const begun = e.captions_compare(line, line + 1)
  if (begun < 0) {
    differ++
    console.log(`caption ${line} differs: ${text(memory, e.captions_wrong())}`)
  }
  if (begun === 0) skipped++
  else compared++
  if ((compared + skipped + differ) % 100 === 0)
    console.log(`${compared} compared, ${skipped} put back`)
}
const side = e.captions_differ()
if (side > 0)
  console.log(`${side} differ from captions side by side, so ${e.captions_differs_at()}`)
differ += side
console.log(
  `${text(memory, e.engine_kernels())}, ${nThreads} threads: hash ${e.captions_hash() >>> 0}`,
)
console.log(`${compared} captions, ${differ} differ`)
await close()
process.exitCode = differ > 0 || compared === 0 ? 1 : 0
