import { Component, type ReactNode } from 'react';
import { Button } from './button';
import { Notice } from './notice';

/** Whatever breaks while drawing: a sentence and a way on, never a blank page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    const text = `This page broke (${error.message}). What you hold and what you booked is safe.`;
    return (
      <div className="py-8" role="alert" data-testid="broken">
        <Notice notice={{ kind: 'failure', text }}>
          <Button className="mt-3" onClick={() => window.location.reload()}>
            Load it again
          </Button>
        </Notice>
      </div>
    );
  }
}
