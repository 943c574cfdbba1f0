// Loads modules of src/ as the page has them, through the bundler.

import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

export async function load(...paths) {
  const server = await createServer({
    root: fileURLToPath(new URL('..', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
    appType: 'custom',
  });
  const modules = [];
  for (const path of paths) modules.push(await server.ssrLoadModule(path));
  return { modules, close: () => server.close() };
}
