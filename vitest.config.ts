import { defineConfig } from 'vitest/config';

const COMPONENTS =
  '{proto,machinery,client,apiserver,scheduler,controller-manager,kubelet,proxy,cli}/**/*.test.ts';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [COMPONENTS, 'test/*.test.ts'],
          setupFiles: ['test/properties.setup.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{integration,contracts,sim}/**/*.test.ts'],
          setupFiles: ['test/properties.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/{e2e,kubectl}/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
