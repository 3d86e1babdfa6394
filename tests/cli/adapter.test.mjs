// nearfield adapter, and --adapter of edit and generate, with the real model and a LoRA made here:
// rank 2 for SmolLM2-135M, small fixed numbers. Spawns build/native/nearfield.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { folder, run, talk } from './command.mjs'

const rank = 2

before(() => {
  writeFileSync(path.join(folder, 'lora.safetensors'), safetensors())
})

function refused(args, pattern, code = 1) {
  const r = run(args)
  assert.equal(r.code, code, r.err)
  assert.match(r.err, pattern)
  if (code === 1) assert.match(r.err, /^nearfield[^\n]+\n$/, 'one line')
}

// PEFT's file for q and v of every layer. width: of the model the LoRA is for.
function safetensors({ width = 576, name = 'self_attn' } = {}) {
  const head = { __metadata__: { format: 'pt' } }
  const parts = []
  let at = 0
  const add = (tensor, shape, scale) => {
    const values = Float32Array.from(
      { length: shape[0] * shape[1] },
      (_, i) => scale * Math.sin(i * 1.7 + at),
    )
    head[`base_model.model.model.layers.${tensor}.weight`] = {
      dtype: 'F32',
      shape,
      data_offsets: [at, at + values.byteLength],
    }
    parts.push(Buffer.from(values.buffer))
    at += values.byteLength
  }
  for (let layer = 0; layer < 30; layer++) {
    for (const [matrix, out] of [
      ['q_proj', width],
      ['v_proj', 192],
    ]) {
      add(`${layer}.${name}.${matrix}.lora_A`, [rank, width], 0.05)
      add(`${layer}.${name}.${matrix}.lora_B`, [out, rank], 0.3)
    }
  }
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...parts])
}

test('a LoRA of PEFT becomes a GGUF that edit and generate take', () => {
  const made = run(['adapter', '--alpha', '4', '--name', 'small', 'lora.safetensors', 'lora.gguf'])
  assert.equal(made.code, 0, made.err)
  assert.equal(made.out, '')
  assert.equal(readFileSync(path.join(folder, 'lora.gguf')).subarray(0, 4).toString(), 'GGUF')
  const ask = ['generate', '--prompt', 'Name three fruits.', '--max-tokens', '24']
  const plain = run(ask)
  const tuned = run([...ask, '--adapter', 'lora.gguf'])
  assert.equal(tuned.code, 0, tuned.err)
  assert.notEqual(tuned.out, plain.out, 'the adapter does something')
  assert.equal(run([...ask, '--adapter', 'lora.gguf']).out, tuned.out)
  const edit = ['edit', '--task', 'fix', '--json', '--adapter', 'lora.gguf', talk]
  const one = run([...edit, '--threads', '1'])
  const two = run([...edit, '--threads', '2'])
  assert.equal(one.code, 0, one.err)
  const cues = (r) =>
    JSON.parse(r.out).cues.map(({ after, verdict, passes, accepted }) => ({
      after,
      verdict,
      passes,
      accepted,
    }))
  assert.deepEqual(cues(one), cues(two))
})

test('adapter_config.json gives the alpha, a folder of PEFT is taken as a whole, q8_0 is smaller', () => {
  const peft = path.join(folder, 'peft')
  mkdirSync(peft)
  writeFileSync(path.join(peft, 'adapter_model.safetensors'), safetensors())
  writeFileSync(
    path.join(peft, 'adapter_config.json'),
    JSON.stringify({ peft_type: 'LORA', r: rank, lora_alpha: 4 }),
  )
  assert.equal(run(['adapter', 'peft', 'folder.gguf']).code, 0)
  assert.equal(run(['adapter', 'peft/adapter_model.safetensors', 'file.gguf']).code, 0)
  assert.equal(run(['adapter', '--alpha', '4', 'lora.safetensors', 'alpha.gguf']).code, 0)
  const read = (name) => readFileSync(path.join(folder, name))
  assert.deepEqual(read('folder.gguf'), read('file.gguf'))
  assert.deepEqual(read('folder.gguf'), read('alpha.gguf'))
  assert.equal(
    run(['adapter', '--type', 'q8_0', 'file.gguf', 'small.gguf']).code,
    0,
    'GGUF is taken as well',
  )
  assert.ok(read('small.gguf').length < 0.8 * read('file.gguf').length)
})

test("task, system message and gate of the file are the edit's", () => {
  const made = run([
    'adapter',
    '--alpha',
    '4',
    '--task',
    'formal',
    '--system',
    'Be formal.',
    '--gate',
    '-1000',
    'lora.safetensors',
    'formal.gguf',
  ])
  assert.equal(made.code, 0, made.err)
  writeFileSync(
    path.join(folder, 'one.srt'),
    '1\n00:00:01,000 --> 00:00:03,000\nWe gotta go home now.\n',
  )
  const r = run(['edit', '--task', 'formal', '--trace', '--adapter', 'formal.gguf', 'one.srt'])
  assert.equal(r.code, 0, r.err)
  assert.match(r.out, /gate -1000\.00/)
  refused(
    ['edit', '--task', 'fix', '--adapter', 'formal.gguf', 'one.srt'],
    /formal\.gguf: the adapter is for the task formal, not fix/,
  )
})

test('gates by kind of change', () => {
  const tuned = path.resolve('model/adapters/fix.gguf')
  const make = (gates, out) => ['adapter', '--gate', gates, tuned, out]
  for (const gates of ['1,2', '1,2,3,4,5,6,7,8', '1,2,3,,5,6,7', '1,2,3,4,5,6,x', '']) {
    const r = run(make(gates, 'gates.gguf'))
    assert.equal(r.code, 2, gates)
    assert.match(r.err, /--gate wants a number, or seven with commas between/)
  }
  writeFileSync(
    path.join(folder, 'small.srt'),
    '1\n00:00:01,000 --> 00:00:03,000\nThey was at home.\n',
  )
  const cueOf = (gates) => {
    assert.equal(run(make(gates, 'gates.gguf')).code, 0)
    assert.equal(run(['adapter', 'gates.gguf', 'again.gguf']).code, 0, 'kept when written anew')
    const r = run(['edit', '--task', 'fix', '--json', '--adapter', 'again.gguf', 'small.srt'])
    assert.equal(r.code, 0, r.err)
    return JSON.parse(r.out).cues[0]
  }
  const open = cueOf('-1000,-1000,-1000,-1000,-1000,-1000,-1000')
  assert.deepEqual(open.gateKinds, ['small'])
  assert.equal(open.after, 'They were at home.')
  const cue = cueOf('-1000,-1000,1000,-1000,-1000,-1000,-1000')
  assert.equal(cue.verdict, 'unchanged')
  assert.equal(cue.why, 'not sure enough of a small word')
  assert.equal(cue.gateNats, 1000)
  assert.equal(cue.gainNats, open.gainNats, 'a gate changes no sum')
})

test("the adapter beside a model is its task's, unless another or none is named", () => {
  symlinkSync(process.env.NEARFIELD_MODEL, path.join(folder, 'own.gguf'))
  writeFileSync(
    path.join(folder, 'wrong.srt'),
    '1\n00:00:01,000 --> 00:00:03,000\nWe was at the libary.\n',
  )
  const with_ = (...more) => ['edit', '--model', 'own.gguf', '--json', ...more, 'wrong.srt']
  const taken = (...more) => JSON.parse(run(with_(...more)).out).adapter
  assert.equal(taken('--task', 'fix'), null, 'none lies there')
  const beside = path.join(folder, 'own.adapters')
  mkdirSync(beside)
  copyFileSync('model/adapters/fix.gguf', path.join(beside, 'fix.gguf'))
  assert.equal(taken('--task', 'fix'), 'nearfield fix')
  assert.equal(taken('--task', 'shorten', '--max-chars', '40'), null)
  assert.equal(taken('--task', 'fix', '--adapter', 'none'), null)
  assert.equal(taken('--task', 'fix', '--adapter', 'lora.gguf'), 'small')

  const other = readFileSync('model/adapters/fix.gguf')
  const width = other.indexOf(Buffer.from([0x40, 2, 0, 0, 0, 0, 0, 0])) // 576, of the first A
  other.writeBigUInt64LE(544n, width)
  writeFileSync(path.join(beside, 'fix.gguf'), other)
  refused(with_('--task', 'fix'), /own\.adapters\/fix\.gguf: .*made for another base model/)
  writeFileSync(path.join(beside, 'fix.gguf'), other.subarray(0, 1000))
  refused(with_('--task', 'fix'), /own\.adapters\/fix\.gguf: /)
  assert.equal(taken('--task', 'fix', '--adapter', 'none'), null)
})

test('what is no adapter for this model is refused with one line', () => {
  const write = (name, bytes) => {
    writeFileSync(path.join(folder, name), bytes)
    return name
  }
  refused(['adapter', 'lora.safetensors', 'x.gguf'], /alpha is not known/)
  refused(
    ['adapter', '--alpha', '4', write('wide', safetensors({ width: 640 })), 'x.gguf'],
    /another base model; its width is 640, 576/,
  )
  refused(
    ['adapter', '--alpha', '4', write('odd', safetensors({ name: 'cross_attn' })), 'x.gguf'],
    /cross_at.*no LoRA half/,
  )
  refused(
    ['adapter', '--alpha', '4', write('cut', safetensors().subarray(0, 100_000)), 'x.gguf'],
    /outside the file/,
  )
  refused(['adapter', '--alpha', '4', talk, 'x.gguf'], /neither a safetensors nor a GGUF file/)
  refused(['adapter', '--alpha', '4', 'missing', 'x.gguf'], /missing/)
  refused(['adapter', '--alpha', '4', '--task', 'poetry', 'lora.safetensors', 'x.gguf'], /poetry/)
  refused(['edit', '--task', 'fix', '--adapter', talk, talk], /not a GGUF file/)
  refused(
    ['edit', '--task', 'fix', '--adapter', 'missing', talk],
    /missing.*a GGUF adapter was expected/,
  )
  refused(['adapter', 'lora.safetensors'], /usage/, 2)
  refused(['adapter', '--type', 'q4_0', 'a', 'b'], /f16 or q8_0/, 2)
  refused(['adapter', '--alpha', '0', 'a', 'b'], /above 0/, 2)
})
