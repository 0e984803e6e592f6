import { lazy, Suspense, useEffect } from 'react';
import { Link, NavLink, Route, Routes, useLocation, useNavigationType } from 'react-router';
import { useSession } from './api/session';
import { BookingsPage } from './bookings/bookings-page';
import { EventPage } from './events/event-page';
import { EventsPage } from './events/events-page';
import { ErrorBoundary } from './ui/error-boundary';
import { Loading } from './ui/loading';
import { usePageTitle } from './ui/use-page-title';

const OperatorPage = lazy(() => import('./operator/operator-page'));

export function App() {
  const { pathname } = useLocation();
  useScrollToTop(pathname);
  return (
    <div className="mx-auto flex min-h-dvh max-w-6xl flex-col px-4 sm:px-6">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3"
      >
        Skip to content
      </a>
      <Header />
      <main id="main" className="flex-1 pb-16">
        <ErrorBoundary key={pathname}>
          <Suspense fallback={<Loading what="the page" />}>
            <Routes>
              <Route path="/" element={<EventsPage />} />
              <Route path="/events/:eventId" element={<EventPage />} />
              <Route path="/bookings" element={<BookingsPage />} />
              <Route path="/operator" element={<OperatorPage />} />
              <Route path="*" element={<Nowhere />} />
            </Routes>
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  );
}

/** A page that is gone to begins at its top; one that is gone back to is where it was left. */
function useScrollToTop(pathname: string) {
  const how = useNavigationType();
  // biome-ignore lint/correctness/useExhaustiveDependencies: each path is another page
  useEffect(() => {
    if (how !== 'POP') window.scrollTo(0, 0);
  }, [pathname, how]);
}

function Header() {
  const customer = useSession()?.customer_id;
  return (
    <header className="flex flex-wrap items-center gap-x-6 gap-y-1 py-4">
      <Link to="/" className="flex items-center gap-2 rounded text-xl font-bold tracking-tight">
        <img src="/favicon.svg" alt="" className="size-7" />
        Onsale
      </Link>
      <nav aria-label="Main" className="flex flex-wrap gap-1">
        <NavigationLink to="/">Events</NavigationLink>
        <NavigationLink to="/bookings">My bookings</NavigationLink>
        <NavigationLink to="/operator">Operator</NavigationLink>
      </nav>
      {customer && (
        <p className="text-sm text-muted sm:ml-auto">
          You are guest{' '}
          <code className="font-semibold text-ink" data-testid="customer">
            {customer.slice(0, 8)}
          </code>
        </p>
      )}
    </header>
  );
}

function NavigationLink({ to, children }: { to: string; children: string }) {
  return (
    <NavLink
      to={to}
      end
      className="rounded-lg px-3 py-2 text-muted hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:font-medium aria-[current=page]:text-ink"
    >
      {children}
    </NavLink>
  );
}

function Nowhere() {
  usePageTitle('Not found');
  return (
    <section className="py-16 text-center">
      <h1 className="text-2xl font-bold">Nothing is here</h1>
      <p className="mt-2 text-muted">
        Back to{' '}
        <Link to="/" className="text-accent underline">
          the events
        </Link>
        .
      </p>
    </section>
  );
}
