// The command line without a model: lint, convert, version, errors. Spawns build/native/nearfield.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { run as command, folder, program, talk } from './command.mjs'

const corpus = path.resolve('tests/data/captions')
const run = (args, options = {}) => command(args, { timeout: 60_000, ...options })
const inFolder = (name) => path.join(folder, name)
const oneLine = (text) =>
  assert.match(text, /^nearfield: [^\n]+\n$/, `one line expected, got: ${JSON.stringify(text)}`)

test('lint prints FILE:LINE: cue N: rule: value (limit) and exits 0', () => {
  const r = run(['lint', talk])
  assert.equal(r.code, 0)
  assert.equal(r.err, '')
  const lines = r.out.trimEnd().split('\n')
  assert.ok(lines.length > 5)
  for (const line of lines)
    assert.match(line, /^.+talk\.srt:\d+: cue \d+: [a-z-]+: .+ \((limit|at least) [^)]+\)$/)
  assert.match(r.out, /talk\.srt:1: cue 1: line-length: 47 characters \(limit 42\)/)
})

test('lint --json is the same list; --strict exits 1', () => {
  const report = JSON.parse(run(['lint', '--json', talk]).out)
  assert.equal(report.cues, 46)
  assert.equal(report.format, 'srt')
  assert.equal(report.findings.length, run(['lint', talk]).out.trimEnd().split('\n').length)
  assert.deepEqual(report.findings[0], {
    cue: 0,
    line: 1,
    rule: 'line-length',
    value: 47,
    limit: 42,
  })
  assert.equal(run(['lint', '--strict', talk]).code, 1)
  writeFileSync(inFolder('fine.srt'), '1\n00:00:01,000 --> 00:00:03,000\nAll is fine.\n')
  assert.equal(run(['lint', '--strict', 'fine.srt']).code, 0)
  const damaged = JSON.parse(run(['lint', '--json', path.join(corpus, 'damaged_time.srt')]).out)
  assert.ok(damaged.warnings.some((w) => w.line === 6 && /time line/.test(w.what)))
})

test('lint names warnings with their line on stderr', () => {
  const r = run(['lint', path.join(corpus, 'damaged_time.srt')])
  assert.equal(r.code, 0)
  assert.match(r.err, /damaged_time\.srt:6: warning: time line not understood/)
})

test('convert goes to the other format and to the same one unchanged', () => {
  assert.equal(run(['convert', talk, 'talk.vtt']).code, 0)
  assert.match(
    readFileSync(inFolder('talk.vtt'), 'utf8'),
    /^WEBVTT\n\n1\n00:00:01\.200 --> 00:00:04\.114\nSo last/,
  )
  assert.equal(run(['convert', 'talk.vtt', 'again.srt']).code, 0)
  assert.equal(readFileSync(inFolder('again.srt'), 'utf8'), readFileSync(talk, 'utf8'))
  for (const name of readdirSync(corpus).filter((n) => /\.(srt|vtt)$/.test(n))) {
    const to = name.slice(-3) === 'vtt' ? 'vtt' : 'srt'
    const file = path.join(corpus, name)
    const r = spawnSync(program, ['convert', '--to', to, file, '-'])
    assert.equal(r.status, 0, r.stderr.toString())
    assert.deepEqual(r.stdout, readFileSync(file), name)
  }
  const piped = spawnSync(program, ['convert', '--to', 'vtt', '-', '-'], {
    input: readFileSync(talk),
  })
  assert.deepEqual(piped.stdout, readFileSync(inFolder('talk.vtt')))
})

test('bad input is one line with file, place and reason, exit 1, nothing written', () => {
  writeFileSync(inFolder('big.srt'), Buffer.alloc(200_000_000, 'a'))
  const cases = {
    'empty.srt': [Buffer.alloc(0), /empty\.srt: line 1: empty file/],
    'words.srt': ['only\nwords\n', /words\.srt: line 1: no cue found; .* expected/],
    'random.srt': [
      Buffer.from(Array.from({ length: 5000 }, (_, i) => ((i * i * 7919) >> 3) & 255)),
      /random\.srt: line \d+: /,
    ],
    'nul.srt': ['1\n00:00:01,000 --> 00:00:02,000\na\0b\n', /nul\.srt: line 3: NUL byte/],
    'big.srt': [null, /big\.srt is larger than 67108864 bytes/],
  }
  for (const [name, [content, pattern]] of Object.entries(cases)) {
    if (content !== null) writeFileSync(inFolder(name), content)
    for (const args of [
      ['lint', name],
      ['convert', name, 'never.vtt'],
    ]) {
      const r = run(args)
      assert.equal(r.code, 1, name)
      oneLine(r.err)
      assert.match(r.err, pattern)
      assert.equal(r.out, '')
      assert.ok(!existsSync(inFolder('never.vtt')))
    }
  }
  for (const name of ['none.srt', '.', 'none/none.srt']) {
    const r = run(['lint', name])
    assert.equal(r.code, 1)
    oneLine(r.err)
  }
  rmSync(inFolder('big.srt'))
})

test('an output that cannot be written is one line, exit 3; old output and input stay', () => {
  const input = readFileSync(talk)
  for (const out of ['none/out.vtt', '/dev/full', '/proc/none.vtt']) {
    const r = run(['convert', '--to', 'vtt', talk, out])
    assert.equal(r.code, 3, out)
    oneLine(r.err)
    assert.match(r.err, /cannot write/)
  }
  const r = spawnSync('bash', ['-c', `"${program}" lint --json "${talk}" > /dev/full`], {
    encoding: 'utf8',
  })
  assert.equal(r.status, 3)
  oneLine(r.stderr)
  assert.deepEqual(readFileSync(talk), input)
})

// A file-size limit makes the write itself fail half way, as a full disk does.
test('a write that fails half way leaves the old file and no temporary one', () => {
  const many = Array.from(
    { length: 2000 },
    (_, i) => `${i + 1}\n00:00:01,000 --> 00:00:02,000\nLine ${i}\n`,
  ).join('\n')
  writeFileSync(inFolder('many.srt'), many)
  writeFileSync(inFolder('old.vtt'), 'old')
  const r = spawnSync(
    'bash',
    ['-c', `trap '' XFSZ; ulimit -f 16; exec "${program}" convert many.srt old.vtt`],
    { encoding: 'utf8', cwd: folder },
  )
  assert.equal(r.status, 3, r.stderr)
  oneLine(r.stderr)
  assert.equal(readFileSync(inFolder('old.vtt'), 'utf8'), 'old')
  assert.deepEqual(
    readdirSync(folder).filter((n) => n.includes('.tmp')),
    [],
  )
  assert.equal(readFileSync(inFolder('many.srt'), 'utf8'), many)
})

test('a machine without memory is exit 3', { skip: process.env.NF_SANITIZED === '1' }, () => {
  const cue = '1\n00:00:01,000 --> 00:00:02,000\nx\n\n'
  writeFileSync(inFolder('large.srt'), cue.repeat(1_000_000))
  const r = spawnSync('bash', ['-c', `ulimit -v 80000; exec "${program}" lint large.srt`], {
    encoding: 'utf8',
    cwd: folder,
  })
  assert.equal(r.status, 3, r.stderr)
  oneLine(r.stderr)
  assert.match(r.stderr, /memory/)
  rmSync(inFolder('large.srt'))
})

test('an input given as output is replaced as a whole', () => {
  writeFileSync(inFolder('same.srt'), readFileSync(talk))
  chmodSync(inFolder('same.srt'), 0o640)
  assert.equal(run(['convert', '--to', 'vtt', 'same.srt', 'same.srt']).code, 0)
  assert.match(readFileSync(inFolder('same.srt'), 'utf8'), /^WEBVTT/)
})

test('usage errors exit 2, help exits 0', () => {
  const wrong = [
    [],
    ['nothing'],
    ['lint'],
    ['lint', '--what', talk],
    ['lint', '--profile', 'x', talk],
    ['lint', talk, talk],
    ['convert', talk],
    ['convert', talk, 'out.txt'],
    ['convert', '--to', 'ass', talk, 'x'],
    ['version', 'x'],
  ]
  for (const args of wrong) {
    const r = run(args)
    assert.equal(r.code, 2, args.join(' '))
    assert.equal(r.out, '')
    assert.notEqual(r.err, '')
  }
  for (const args of [
    ['help'],
    ['--help'],
    ...['lint', 'convert', 'edit', 'generate', 'bench'].map((c) => [c, '--help']),
  ]) {
    const r = run(args)
    assert.equal(r.code, 0)
    assert.match(r.out, /^usage: nearfield/)
  }
  assert.match(run(['version']).out, /^nearfield \d+\.\d+\.\d+\n$/)
})
