// Builds the console into dist/, each file with a gzip copy that the hub serves as it is.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

/** Writes `<file>.gz` beside every text file of the build. */
function compressed() {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue
        const path = join(entry.parentPath ?? entry.path, entry.name)
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }))
      }
    },
  }
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  build: {
    // The hub forbids inline content (data: URLs of styles and fonts included).
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` shows a hub that runs elsewhere.
    proxy: {
      '/api': process.env.CROSSDOCK_CONSOLE_URL ?? 'http://127.0.0.1:8481',
      '/errors': process.env.CROSSDOCK_CONSOLE_URL ?? 'http://127.0.0.1:8481',
    },
  },
})
