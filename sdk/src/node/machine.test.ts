/// <reference types="node" />
import os from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { machineSections } from './machine.ts'

afterEach(() => vi.unstubAllGlobals())

test('node’s version, platform, cores and memory, without a browser’s globals', async () => {
  for (const name of ['navigator', 'window', 'document', 'crossOriginIsolated'])
    vi.stubGlobal(name, undefined)
  vi.stubEnv('SERVICE_TOKEN', 'not-to-be-told')
  const text = (await machineSections()).join('\n\n')
  for (const line of [
    `- Node: ${process.version}, V8 ${process.versions.v8}`,
    `- platform: ${process.platform} ${process.arch}, ${os.release()}`,
    `- cores: ${os.availableParallelism()}`,
    '- simd: yes',
    '- threads: yes',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).toMatch(/^- memory: [\d.]+ MiB, [\d.]+ MiB of it free$/m)
  expect(text).toMatch(/^- taken by this process: [\d.]+ MiB$/m)
  expect(text).not.toContain('not-to-be-told')
  vi.unstubAllEnvs()
})

test('the memory that a container grants is said', async () => {
  const limit = vi.spyOn(process, 'constrainedMemory')
  for (const [bytes, line] of [
    [2 ** 20, '- of it for this process: 1.0 MiB'],
    [0, '- of it for this process: all'],
    [2 ** 64, '- of it for this process: all'],
  ] as const) {
    limit.mockReturnValue(bytes)
    expect((await machineSections())[0]).toContain(line)
  }
  limit.mockRestore()
})
