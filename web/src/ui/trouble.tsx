import { noticeOf } from '../api/problems';
import { Button } from './button';
import { Notice } from './notice';

/** What could not be read, why, and a way to try again. */
export function Trouble({ error, again }: { error: unknown; again: () => void }) {
  return (
    <div className="py-8" role="alert">
      <Notice notice={noticeOf(error)}>
        <Button className="mt-3" onClick={again}>
          Try again
        </Button>
      </Notice>
    </div>
  );
}
