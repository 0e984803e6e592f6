import { sentence } from '../api/problems';
import { Notice } from './notice';

/** What could not be read, why, and a way to try again. */
export function Trouble({ error, again }: { error: unknown; again: () => void }) {
  return (
    <div className="py-8">
      <Notice kind="failure">
        <p>{sentence(error)}</p>
        <button type="button" className="button mt-3" onClick={again}>
          Try again
        </button>
      </Notice>
    </div>
  );
}
