// Builds the page into dist/, with relative addresses so that it also works below a path prefix.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const gateway = 'http://127.0.0.1:8080';

export default defineConfig({
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  build: {
    // Monaco's editor and the workers are large by nature; nothing is gained by splitting them further.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onLog(level, log, report) {
        // GraphiQL's files opt out of the React compiler, which is not used here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  // The apps' operations are beside this folder.
  server: { proxy: { '/graphql': gateway, '/demo': gateway }, fs: { allow: ['..'] } },
});
