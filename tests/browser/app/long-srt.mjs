/** A long SRT for list tests: n cues, every fifth of two lines, some over a limit. */
const WORDS = 'the bees come home before the rain and nobody in the valley knows why'.split(' ')

const time = (ms) => {
  const two = (n) => String(Math.floor(n)).padStart(2, '0')
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)},${String(ms % 1000).padStart(3, '0')}`
}

export function longSrt(n) {
  const cues = []
  for (let i = 0; i < n; i += 1) {
    const line = Array.from(
      { length: 4 + (i % 5) },
      (_, k) => WORDS[(i * 3 + k) % WORDS.length],
    ).join(' ')
    const text = i % 5 === 0 ? `${line}\nand ${line}` : line
    cues.push(`${i + 1}\n${time(i * 2500)} --> ${time(i * 2500 + 1500 + (i % 7) * 100)}\n${text}\n`)
  }
  return cues.join('\n')
}
