/** Unit and component tests; browser tests of the built app lie in tests/browser/app. */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
})
