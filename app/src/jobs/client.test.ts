// @vitest-environment jsdom
import { afterEach, expect, it, vi } from 'vitest'
import { HttpJobs } from './client'
import { lookAt } from './offer'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  sessionStorage.clear()
})

it('a token that no header can hold is refused like any other wrong one', async () => {
  const asked: (string | null)[] = []
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get('Authorization')) // throws as fetch does
    return new Response('{"error":"a token is needed"}', { status: 401 })
  })
  const client = new HttpJobs()
  for (const token of ['nf–1234', ' nf\u200B1 ', 'nf\n1']) {
    client.setToken(token)
    expect(await lookAt(client)).toEqual({ kind: 'locked', refused: true })
  }
  expect(asked).toEqual(['Bearer nf?1234', 'Bearer nf?1', 'Bearer nf?1'])
})

it('a browser that keeps nothing for this page has no token, and one that is set holds as long', () => {
  const blocked = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError')
  }
  vi.spyOn(Storage.prototype, 'getItem').mockImplementation(blocked)
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(blocked)
  const client = new HttpJobs()
  expect(client.token()).toBeNull()
  client.setToken(' nf-1 ')
  expect(client.token()).toBe('nf-1')
})
