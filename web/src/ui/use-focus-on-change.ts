import { useEffect, useRef } from 'react';

/**
 * For a heading whose step has changed: whoever made it change by keyboard goes on from there, and hears it. What is done
 * elsewhere on the page is not interrupted.
 */
export function useFocusOnChange(step: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  const before = useRef(step);
  useEffect(() => {
    if (before.current === step) return;
    before.current = step;
    const focused = document.activeElement;
    const isOurs = focused === document.body || heading.current?.closest('aside')?.contains(focused);
    if (isOurs) heading.current?.focus({ preventScroll: true });
  }, [step]);
  return heading;
}
