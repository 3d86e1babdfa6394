// The site that bench/load measures on: a folder with the page, the SDK and the peers' files, and
// the product's own server over it and the model, on loopback. Owns that folder and that server.
// Files are linked, not copied, where the file system allows it. Does not know what is measured.
import { spawn } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { root } from '../peers/rounds.mjs'

function linkTree(from, to) {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) linkTree(source, target)
    else if (entry.isFile()) {
      try {
        linkSync(source, target)
      } catch {
        copyFileSync(source, target)
      }
    }
  }
}

function started(binary, args) {
  const child = spawn(binary, ['--port', '0', '--quiet', ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return new Promise((done, fail) => {
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
      const port = /nearfield is at http:\/\/127\.0\.0\.1:(\d+)\//.exec(output)?.[1]
      if (port) done({ url: `http://127.0.0.1:${port}`, child })
    })
    child.on('error', fail)
    child.on('exit', (code) => fail(new Error(`${binary} ended with ${code}`)))
  })
}

// The model's folder, when the server has hashed it.
async function offered(url) {
  for (;;) {
    const reply = await fetch(`${url}/models/`)
    if (reply.ok) {
      const { name } = (await reply.json()).models[0]
      const folder = `/models/${name}/`
      const manifest = await fetch(`${url}${folder}manifest.json`)
      if (manifest.ok) return { folder, file: folder + (await manifest.json()).file }
    }
    await new Promise((again) => setTimeout(again, 100))
  }
}

// folders: {'sdk': folder, ...} by their place in the site; checkout: whose server. -> {url, model,
// file, close}; model and file are paths at url.
export async function site(folders, model, checkout = root) {
  const at = mkdtempSync(path.join(tmpdir(), 'nearfield-site-'))
  let child
  const close = () => {
    child?.removeAllListeners('exit')
    child?.kill('SIGTERM')
    rmSync(at, { recursive: true, force: true })
  }
  try {
    for (const [place, from] of Object.entries(folders)) linkTree(from, path.join(at, place))
    copyFileSync(path.join(root, 'bench/peers/captions.json'), path.join(at, 'captions.json'))
    const binary = path.join(checkout, 'build/native/nearfield-server')
    const server = await started(binary, ['--root', at, '--model', model, '--inference', 'no'])
    child = server.child
    const { folder, file } = await offered(server.url)
    return { url: server.url, model: folder, file, close }
  } catch (error) {
    close()
    throw error
  }
}
