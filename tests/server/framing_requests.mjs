// Pipelines of GET requests, right and wrong, for the comparison of where two servers see one end
// and the next begin. Owns what is random about them: the same number gives the same bytes.
// Follows RFC 9112, sections 5 to 7, and what smuggling is known to be done with: two lengths, a
// length and chunks, spellings of both, folded lines, lone CR or LF, junk between requests.
import { randoms } from './harness.mjs'

/** The files that are asked for: each one's text is its name. */
export const names = Array.from({ length: 8 }, (_, i) => `${i}.txt`)
export const canary = 'canary.txt'

/** The bytes of pipeline `seed`, as latin1 text; the canary's request is the last. */
export function pipeline(seed, host) {
  const random = randoms(seed)
  const below = (n) => Math.floor(random() * n)
  const one = (list) => list[below(list.length)]
  const rarely = (odd, usual, of = 6) => (below(of) === 0 ? one(odd) : usual)

  const eol = () => rarely(['\n', '\r', '\r\r\n', '\n\r'], '\r\n', 150)
  const field = (name, value) => {
    const spelled = rarely([name.toLowerCase(), name.toUpperCase()], name, 4)
    const colon = rarely([':', ' : ', ':\t', ' :', ':  ', ':\x0b', ':\r\n '], ': ', 40)
    return `${spelled}${colon}${value}${rarely([' ', '  ', '\t'], '', 20)}${eol()}`
  }
  const text = (n) => Array.from({ length: n }, () => one([...'abc019 GET/\r\n:'])).join('')
  const length = (n) =>
    rarely(
      [
        `0${n}`,
        `+${n}`,
        `-${n}`,
        `${n}, ${n}`,
        `${n} ${n}`,
        `0x${n}`,
        `${n}.0`,
        `${n + 1}`,
        `${n}a`,
      ].concat([`${Math.max(n - 1, 0)}`, '', '18446744073709551616', `${n}\0`, `"${n}"`]),
      `${n}`,
      5,
    )
  const chunked = () =>
    rarely(
      [
        'Chunked',
        'CHUNKED',
        'chunked, identity',
        'identity, chunked',
        'identity',
        'gzip, chunked',
      ].concat([
        'xchunked',
        'chunked;q=1',
        '"chunked"',
        'chunked,',
        'chunked, chunked',
        '',
        'chun ked',
      ]),
      'chunked',
      4,
    )
  const chunks = () => {
    let out = ''
    for (let i = below(4); i > 0; i--) {
      const n = 1 + below(20)
      const size = rarely(
        [
          n.toString(16).toUpperCase(),
          `000${n.toString(16)}`,
          `${n.toString(16)};a=b`,
          `0x${n.toString(16)}`,
        ]
          .concat([
            `${n.toString(16)} `,
            ` ${n.toString(16)}`,
            `+${n.toString(16)}`,
            `${n.toString(16)};"a\r\nb"`,
          ])
          .concat([
            `${(n + 1).toString(16)}`,
            `${n.toString(16)}\t;a`,
            `1${'0'.repeat(16)}${n.toString(16)}`,
          ]),
        n.toString(16),
        5,
      )
      out += `${size}${eol()}${text(n)}${eol()}`
    }
    out += rarely(['00', '0;x', '0 ', '', '-0', '0x0'], '0', 12) + eol()
    if (below(4) === 0) out += field(one(['A', 'Content-Length', 'Transfer-Encoding']), '5')
    return out + rarely(['', 'X'], eol(), 15)
  }
  const request = (name) => {
    const target = rarely(
      [`http://${host}/${name}`, `/${name}?a=b`, `/%2e/${name}`, `//${name}`],
      `/${name}`,
      12,
    )
    const version = rarely(
      ['HTTP/1.0', 'HTTP/1.1 ', 'http/1.1', 'HTTP/1.10', 'HTTP/2.0', ''],
      'HTTP/1.1',
      25,
    )
    const gap = rarely(['  ', '\t'], ' ', 40)
    let head = `${rarely(['\r\n', '\n', ' '], '', 20)}GET${gap}${target} ${version}${eol()}`
    const fields = [field('Host', host)]
    let body = ''
    const kind = below(4)
    if (kind === 1 || below(12) === 0) {
      body = text(below(24))
      fields.push(field('Content-Length', length(body.length)))
      if (below(12) === 0) fields.push(field('Content-Length', length(body.length)))
    }
    if (kind === 2 || below(12) === 0) {
      body = chunks()
      fields.push(
        field(
          rarely(['Transfer_Encoding', 'Transfer-Encoding\0'], 'Transfer-Encoding', 15),
          chunked(),
        ),
      )
      if (below(12) === 0) fields.push(field('Transfer-Encoding', chunked()))
    }
    if (below(8) === 0) fields.push(field('Connection', one(['keep-alive', 'x', 'Content-Length'])))
    if (below(8) === 0) fields.push(field('X', text(below(10)).replaceAll(/[\r\n]/g, ' ')))
    fields.sort(() => random() - 0.5)
    head += fields.join('') + eol()
    return head + body
  }

  let out = ''
  for (let i = 1 + below(3); i > 0; i--) out += request(one(names))
  if (below(4) === 0) {
    // a byte lost, doubled or changed, anywhere
    const at = below(out.length)
    const byte = one([out[at], '', '\0', '\r', '\n', ' ', ';', ',', '\x80', '\t'])
    out = out.slice(0, at) + byte + out.slice(at + below(2))
  }
  return `${out}GET /${canary} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
}
