// Our engine in the benchmark's page, through the SDK as an app would use it. The numbers come
// from nf_bench (src/api/bench.c), which does the work run.mjs describes.
import { Nearfield } from '/sdk/index.js'

let engine

export async function open({ threads, model }) {
  engine = await Nearfield.open({ model, threads })
  const { kernels, threads: got, isolated } = engine.status
  if (got !== threads) throw new Error(`asked for ${threads} threads, got ${got} (isolated: ${isolated})`)
  await engine.bench(1)
  return `kernels ${kernels}`
}

export async function round() {
  const { decodeTokS, rows32TokS } = await engine.bench(1)
  return { decode_tok_s: decodeTokS, rows_tok_s: rows32TokS }
}
