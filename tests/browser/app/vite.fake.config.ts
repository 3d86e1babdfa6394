/** The app over stand-ins for the SDK, into build/app-fake: for browser tests of the app alone. */
import { resolve } from 'node:path'
import { defineConfig, mergeConfig } from 'vite'
import base from '../../../app/vite.config.ts'

const root = resolve(import.meta.dirname, '../../../app')

export default mergeConfig(
  base,
  defineConfig({
    root,
    resolve: { alias: { nearfield: resolve(root, 'tests/fake/nearfield.ts') } },
    build: { outDir: resolve(root, '../build/app-fake'), emptyOutDir: true },
  }),
)
