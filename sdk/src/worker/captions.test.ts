import { beforeAll, expect, test } from 'vitest'
import { realRuntime } from '../testing/real_wasm.ts'
import type { CaptionCue, CaptionFormat } from '../types.ts'
import { lint, measure } from './caption_lint.ts'
import { parse, write } from './captions.ts'
import type { Runtime } from './runtime.ts'

const SRT =
  '1\r\n00:00:01,000 --> 00:00:02,500\r\nHello <i>there</i>\r\n\r\n7\r\n00:00:03,000 --> 00:00:04,000 X1:5\r\nsecond\r\nline\r\n\r\n9\r\n00:00:05,000 --> 00:00:06,000\r\n😀 third\r\n'
const VTT =
  'WEBVTT - a title\n\nNOTE kept\n\nintro\n00:01.000 --> 00:02.500 align:start\nHello\n\n00:03.000 --> 00:04.000\nbye\n'

let runtime: Runtime
beforeAll(async () => {
  runtime = await realRuntime()
})
const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (file: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(file)
const cuesOf = (file: string) => parse(runtime, { file: bytes(file) }).cues
const save = (file: string | null, cues: CaptionCue[], format: CaptionFormat = 'srt') =>
  textOf(write(runtime, { original: file === null ? null : bytes(file), cues, format }))
const added = (text: string, startMs: number, endMs: number): CaptionCue => ({
  source: null,
  startMs,
  endMs,
  text,
  settings: '',
  label: '',
})

test('parse gives what the file holds', () => {
  const { format, cues, warnings } = parse(runtime, { file: bytes(SRT) })
  expect(format).toBe('srt')
  expect(warnings).toEqual([])
  expect(cues.map((c) => [c.source, c.startMs, c.endMs, c.text, c.label])).toEqual([
    [0, 1000, 2500, 'Hello <i>there</i>', '1'],
    [1, 3000, 4000, 'second\nline', '7'],
    [2, 5000, 6000, '😀 third', '9'],
  ])
  expect(cues[1]?.settings).toContain('X1:5')
  expect(parse(runtime, { file: bytes(VTT) })).toMatchObject({
    format: 'vtt',
    cues: [{ label: 'intro', settings: 'align:start' }, { text: 'bye' }],
  })
})

test.each([
  ['srt', SRT],
  ['vtt', VTT],
] as const)('an untouched %s file is saved byte for byte', (format, file) => {
  expect(save(file, cuesOf(file), format)).toBe(file)
  const withBom = `\ufeff${file}`
  expect(save(withBom, cuesOf(withBom), format)).toBe(withBom)
})

test('one changed text changes nothing else', () => {
  const cues = cuesOf(SRT)
  cues[1] = { ...cues[1]!, text: 'zwei\nZeilen' }
  expect(save(SRT, cues)).toBe(SRT.replace('second\r\nline', 'zwei\r\nZeilen'))
})

test('times, a removed and an added cue', () => {
  const [first, , third] = cuesOf(SRT) as [CaptionCue, CaptionCue, CaptionCue]
  const file = save(SRT, [added('new', 0, 900), { ...first, endMs: 2600 }, third])
  expect(cuesOf(file).map((c) => [c.startMs, c.endMs, c.text])).toEqual([
    [0, 900, 'new'],
    [1000, 2600, 'Hello <i>there</i>'],
    [5000, 6000, '😀 third'],
  ])
  expect(file).toContain('\r\n')
  expect(file).not.toContain('second')
})

test('all cues gone, all cues new, and a document from nothing', () => {
  expect(save(SRT, [])).not.toContain('-->')
  for (const format of ['srt', 'vtt'] as const) {
    const file = save(null, [added('one', 0, 1000), added('two\nlines', 2000, 3000)], format)
    expect(parse(runtime, { file: bytes(file) })).toMatchObject({
      format,
      cues: [
        { startMs: 0, endMs: 1000, text: 'one' },
        { startMs: 2000, endMs: 3000, text: 'two\nlines' },
      ],
    })
    expect(parse(runtime, { file: bytes(file) }).cues).toHaveLength(2)
  }
})

test('the other format', () => {
  const vtt = save(SRT, cuesOf(SRT), 'vtt')
  expect(vtt.startsWith('WEBVTT')).toBe(true)
  expect(cuesOf(vtt).map((c) => c.text)).toEqual(['Hello <i>there</i>', 'second\nline', '😀 third'])
})

test('refusals say which cue and why, in one line', () => {
  const cues = cuesOf(SRT)
  cues[2] = { ...cues[2]!, text: 'a\n\nb' }
  expect(() => save(SRT, cues)).toThrow(
    expect.objectContaining({
      code: 'bad_input',
      message: expect.stringMatching(/^cue 3: [^\n]+$/),
    }),
  )
  for (const file of ['', 'no captions here', '\0\x01\x02']) {
    expect(() => cuesOf(file)).toThrow(
      expect.objectContaining({ code: 'bad_input', message: expect.stringMatching(/^[^\n]+$/) }),
    )
  }
})

test('lint counts as the profile says, cue by cue', () => {
  const cues = [
    added('x'.repeat(43), 0, 5000),
    added('fine', 5100, 6500),
    added('a\nb\nc', 6400, 8000),
    added('half\n\ntyped', 9000, 8999),
  ]
  const found = lint(runtime, { cues, format: 'srt', profile: 'netflix' })
  const of = (cue: number) => found.filter((f) => f.cue === cue).map((f) => f.rule)
  expect(of(0)).toEqual(['line-length'])
  expect(of(1)).toContain('overlap')
  expect(of(2)).toContain('line-count')
  expect(of(3)).toContain('duration-short')
  expect(found.find((f) => f.rule === 'line-length')).toMatchObject({ value: 43, limit: 42 })
  expect(lint(runtime, { cues: [], format: 'srt', profile: 'netflix' })).toEqual([])
  expect(() => lint(runtime, { cues, format: 'srt', profile: 'none' })).toThrow(
    "no lint profile 'none'",
  )
})

test('measure counts what a viewer sees', () => {
  const texts = ['<i>ab</i>', '👩‍👩‍👧', 'one\nthree', '']
  expect(measure(runtime, { texts, format: 'srt' })).toEqual([
    { chars: 2, lineCharsMax: 2, lines: 1 },
    { chars: 1, lineCharsMax: 1, lines: 1 },
    { chars: 8, lineCharsMax: 5, lines: 2 },
    { chars: 0, lineCharsMax: 0, lines: 0 },
  ])
})

test('an unknown format is refused', () => {
  expect(() => save(null, [], 'ass' as CaptionFormat)).toThrow("'ass' is not a caption format")
})

test('5,000 cues: parse, lint and save stay within a second and leak nothing', () => {
  const many = Array.from({ length: 5000 }, (_, i) =>
    added(`line ${i} of a long talk`, i * 2000, i * 2000 + 1500),
  )
  const file = save(null, many)
  const round = () => {
    const start = performance.now()
    const cues = cuesOf(file)
    const parsed = performance.now()
    lint(runtime, { cues, format: 'srt', profile: 'netflix' })
    const linted = performance.now()
    expect(save(file, cues)).toBe(file)
    return [parsed - start, linted - parsed, performance.now() - linted].map(Math.round)
  }
  round()
  const size = runtime.memory.buffer.byteLength
  console.log('5,000 cues: parse, lint, save in ms:', round())
  expect(runtime.memory.buffer.byteLength).toBe(size)
})
