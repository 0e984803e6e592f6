import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { isFailure } from './api/problems';
import { App } from './app';
import './app.css';

/** A read that fails is tried again this often before the page says so; it goes on trying at the query's own pace. */
const READS_AGAIN_MAX = 2;

const queries = new QueryClient({
  defaultOptions: {
    // What is asked for offline fails now and says so. It is not done later, when nobody expects it any more.
    mutations: { networkMode: 'always' },
    queries: {
      networkMode: 'always',
      retry: (failures, error) => isFailure(error) && failures < READS_AGAIN_MAX,
      staleTime: 2_000,
    },
  },
});

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
