// Every relative link of every Markdown file of the tree leads to a file, and to a heading of it
// where it names one. Prints a line for each that does not and exits 1. Looks at no other address.
//   node tools/links.mjs
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** A heading as GitHub makes an anchor of it. */
const anchorOf = (heading) =>
  heading
    .replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')

const withoutCode = (text) => text.replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, '')

/** Anchors of a text; of headings that are alike the second ends with -1, and so on. */
function anchorsOf(text) {
  const seen = new Map()
  return new Set(
    [...withoutCode(text).matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading]) => {
      const anchor = anchorOf(heading)
      const n = seen.get(anchor) ?? 0
      seen.set(anchor, n + 1)
      return n === 0 ? anchor : `${anchor}-${n}`
    }),
  )
}

/** Lines for a person. read: a file's text, null where there is no such file or folder. */
export function brokenLinks(files, read) {
  const broken = []
  for (const file of files) {
    const text = withoutCode(read(file)).replaceAll(/`[^`\n]*`/g, '')
    for (const [, link, picture] of text.matchAll(
      /\]\(<?([^)>\s]+)>?(?: "[^"]*")?\)|src="([^"]+)"/g,
    )) {
      const target = link ?? picture
      if (/^[a-z]+:/i.test(target)) continue
      const [name, anchor] = target.split('#')
      const to = name ? path.join(path.dirname(file), decodeURI(name)) : file
      const there = read(to)
      if (there === null) broken.push(`${file}: '${target}' leads nowhere`)
      else if (anchor && to.endsWith('.md') && !anchorsOf(there).has(anchor))
        broken.push(`${file}: '${target}': ${to} has no such heading`)
    }
  }
  return broken
}

if (import.meta.filename === process.argv[1]) {
  process.chdir(path.join(import.meta.dirname, '..'))
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', '*.md'], {
    encoding: 'utf8',
  })
  const read = (file) => {
    if (!existsSync(file)) return null
    return file.endsWith('.md') ? readFileSync(file, 'utf8') : ''
  }
  const list = files.split('\n').filter((file) => file !== '' && existsSync(file))
  const broken = brokenLinks(list, read)
  for (const line of broken) console.error(line)
  if (broken.length === 0) console.log(`${list.length} Markdown files: every link leads somewhere`)
  process.exit(broken.length === 0 ? 0 : 1)
}
