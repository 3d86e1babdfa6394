// One caption a line as the SubRip file that build/native/nearfield reads.
const clock = (i) => new Date(i * 1000).toISOString().slice(11, 19)

export const srtOf = (lines) =>
  lines.map((l, i) => `${i + 1}\n${clock(i)},000 --> ${clock(i)},900\n${l}\n\n`).join('')
