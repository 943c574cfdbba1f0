// The page's door: workers for the editors, the personas, then the application.

import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { loadPersonas } from './personas';

const root = document.getElementById('root');
if (root) {
  const personas = await loadPersonas();
  createRoot(root).render(<App personas={personas} />);
}
