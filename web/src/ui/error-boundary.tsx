import { Component, type ReactNode } from 'react';
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
    return (
      <div className="py-8" data-testid="broken">
        <Notice kind="failure">
          <p>This page broke ({error.message}). What you hold and what you booked is safe.</p>
          <button type="button" className="button mt-3" onClick={() => window.location.reload()}>
            Load it again
          </button>
        </Notice>
      </div>
    );
  }
}
