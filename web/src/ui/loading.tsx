export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="motion-safe:animate-pulse py-16 text-center text-muted">
      Loading {what} …
    </p>
  );
}
