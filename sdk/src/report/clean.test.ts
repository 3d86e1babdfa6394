import { expect, test } from 'vitest'
import { clean } from './clean.ts'

test.each([
  ['two\n  lines', 'two lines'],
  [
    'https://a.b/m/x.gguf?token=s3cret: the server answered 404',
    'https://a.b/m/x.gguf?… the server answered 404',
  ],
  ['https://me:pass@a.b/m/#page=2', 'https://a.b/m/#…'],
  ['blob:https://a.b/0d1e-77 ended', 'blob:… ended'],
  ['sent Authorization: Bearer abc.def', 'sent Authorization: Bearer …'],
  ['api_key: abc, monkey: see', 'api_key:… monkey: see'],
  ['token=abc, key: def', 'token=… key:…'],
  ['sk-proj-0123456789abcdefghij is wrong', '… is wrong'],
  [
    'google swiftshader SwiftShader Device (LLVM 10.0.0)',
    'google swiftshader SwiftShader Device (LLVM 10.0.0)',
  ],
  [
    'maxStorageBuffersPerShaderStage, why? because',
    'maxStorageBuffersPerShaderStage, why? because',
  ],
])('%s', (line, cleaned) => expect(clean(line)).toBe(cleaned))

test('is short', () => expect(clean('a '.repeat(500)).length).toBeLessThan(250))
