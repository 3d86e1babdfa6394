// The roofline of this machine's CPU: bench/roofline_bench.c's rates and page/roofline_table.mjs's
// arithmetic, by number of threads.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { root } from '../peers/rounds.mjs'
import { table } from './page/roofline_table.mjs'

// By number of threads: the machine's rates and the bounds of the native engine.
export async function cpuRoofline(context, report) {
  const program = path.join(root, 'build/native/bench/roofline_bench')
  if (existsSync(path.join(root, 'build/native/build.ninja'))) {
    execFileSync(
      'cmake',
      ['--build', path.join(root, 'build/native'), '--target', 'roofline_bench'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
  }
  if (!existsSync(program)) return null
  const out = {}
  for (const threads of context.threads) {
    const machine = JSON.parse(execFileSync(program, [String(threads)], { encoding: 'utf8' }))
    const rate = { read_gb_s: machine.read_gb_s, gmac_s: machine.int8_gmac_s || machine.f32_gmac_s }
    out[`threads${threads}`] = {
      ...machine,
      passes: table(rate, report.nearfield?.[`native${threads}`]),
    }
  }
  return out
}
