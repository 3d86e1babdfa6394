// The tarball in a fresh Next.js app (App Router, a client component, Next's own bundler):
// `next build`, `next start`, and the page fixes a text with the real model. Next is installed by
// `npm ci` from tests/pack/next/package-lock.json into build/pack/next, and stays there.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { installPackage, modelFolder, npm, repository } from './package.mjs'
import { FIXED, noProblems, openPage, pressFix } from './pages.mjs'

const TIMEOUT = { timeout: 600_000 }
const from = path.join(import.meta.dirname, 'next')
const root = path.join(repository, 'build/pack/next')
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' }
const next = path.join(root, 'node_modules/next/dist/bin/next')
let started
let opened

before(() => {
  mkdirSync(`${root}/app`, { recursive: true })
  const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  const lock = 'package-lock.json'
  const installed = existsSync(next) && read(`${root}/${lock}`) === read(`${from}/${lock}`)
  for (const name of ['package.json', lock, 'next.config.mjs'])
    copyFileSync(`${from}/${name}`, `${root}/${name}`)
  for (const name of ['page.jsx', 'layout.jsx'])
    copyFileSync(`${from}/${name}`, `${root}/app/${name}`)
  rmSync(`${root}/.next`, { recursive: true, force: true }) // fresh: nothing of a build before
  if (!installed) npm(['ci', '--prefer-offline'], root)
  installPackage(root)
  modelFolder(`${root}/public/models/small`)
  writeFileSync(`${root}/public/favicon.ico`, '')
})
after(async () => {
  await opened?.browser.close()
  if (!started || started.exitCode !== null) return
  started.kill()
  await once(started, 'exit')
})

test('it builds: one worker and one module among its files', TIMEOUT, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [next, 'build'], {
    cwd: root,
    env,
  })
  assert.match(stdout, /Compiled successfully/)
  const files = readdirSync(`${root}/.next/static/media`)
  assert.equal(files.filter((name) => /^engine\.worker\..*js$/.test(name)).length, 1, `${files}`)
  assert.equal(files.filter((name) => /^nearfield\..*wasm$/.test(name)).length, 1, `${files}`)
})

test('the page comes from the server with its text, and fixes it', TIMEOUT, async () => {
  const arguments_ = [next, 'start', '--hostname', '127.0.0.1', '--port', '0']
  started = spawn(process.execPath, arguments_, { cwd: root, env })
  const origin = await new Promise((resolve, reject) => {
    let said = ''
    const hear = (piece) => {
      said += piece
      const address = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(said)?.[0]
      if (address && /Ready in/.test(said)) resolve(address)
    }
    started.stdout.on('data', hear)
    started.stderr.on('data', hear)
    started.on('exit', (code) => reject(new Error(`next start ended with ${code}: ${said}`)))
  })
  const html = await (await fetch(origin)).text()
  assert.match(html, /value="she go to the libary"/) // rendered there, where no model is opened
  opened = await openPage(origin)
  assert.deepEqual(await pressFix(opened.page), FIXED)
  const threads = await opened.page.getAttribute('output', 'data-threads')
  assert.ok(Number(threads) >= 2, `${threads} threads`)
  noProblems(opened.problems)
})
