import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokenLinks } from './links.mjs'

test('links that lead nowhere are told, and no others', () => {
  const tree = {
    'README.md': [
      '# One',
      '[a](docs/a.md) [b](docs/b.md) [web](https://example.org/x) [own](#one)',
      '[heading](docs/a.md#the-two-of-it) [second](docs/a.md#twice-1) [gone](docs/a.md#gone)',
      '`[code](nowhere.md)`',
      '```',
      '[fenced](nowhere.md)',
      '```',
      '![picture](docs/x.png) <img src="docs/y.png">',
    ].join('\n'),
    'docs/a.md': '## The `two` of it\n## Twice\n## Twice\n[up](../README.md) [down](b.md)',
    'docs/x.png': '',
  }
  const read = (file) => tree[file] ?? null
  assert.deepEqual(brokenLinks(['README.md', 'docs/a.md'], read), [
    "README.md: 'docs/b.md' leads nowhere",
    "README.md: 'docs/a.md#gone': docs/a.md has no such heading",
    "README.md: 'docs/y.png' leads nowhere",
    "docs/a.md: 'b.md' leads nowhere",
  ])
})
