// What the tests of the package share: the tarball as `npm pack` makes it, installed by npm into a
// folder of its own, build/pack/NAME; a page of it in Chromium. Owns no test.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { manifestOf, modelPath } from '../browser/serve.mjs'

export const repository = path.join(import.meta.dirname, '../..')
export const npm = (args, cwd) =>
  execFileSync(
    'npm',
    [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd,
      encoding: 'utf8',
    },
  )

/** An empty folder build/pack/NAME, inside the tree: a peer such as react is found there. */
export function freshFolder(name) {
  const root = path.join(repository, 'build/pack', name)
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  return root
}

/** The package of root's node_modules afterwards: its folder, the tarball's files and bytes. */
export function installPackage(root, manifest) {
  const packed = npm(['pack', '--json', '--pack-destination', root], path.join(repository, 'sdk'))
  const [{ filename, files, size }] = Object.values(JSON.parse(packed))
  if (manifest) writeFileSync(`${root}/package.json`, JSON.stringify(manifest))
  npm(['install', '--offline', '--no-save', `./${filename}`], root)
  const own = path.join(root, 'node_modules/nearfield')
  return { own, files: files.map((file) => file.path), bytes: size }
}

/** The real model as any static server has it: a folder with manifest.json and the GGUF file. */
export function modelFolder(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const manifest = manifestOf()
  writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest))
  const file = path.join(folder, manifest.file)
  try {
    linkSync(modelPath, file)
  } catch {
    copyFileSync(modelPath, file) // the cache lies on another disk
  }
  return folder
}

/** tsc over main.ts of root; '' when the types hold, else what it said. */
export function typeErrors(root, source, compilerOptions) {
  writeFileSync(`${root}/main.ts`, source)
  const lib = ['ES2024', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable']
  const strict = { strict: true, exactOptionalPropertyTypes: true, noEmit: true }
  const options = { ...strict, target: 'ES2024', types: [], lib, ...compilerOptions }
  const config = { compilerOptions: options, include: ['main.ts'] }
  writeFileSync(`${root}/tsconfig.json`, JSON.stringify(config))
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  const args = [tsc.replace('package.json', 'bin/tsc'), '-p', root]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return status === 0 ? '' : stdout || `tsc ended with ${status}`
}

export const exportsOf = (own) => JSON.parse(readFileSync(`${own}/package.json`, 'utf8')).exports
