/**
 * What can go wrong with a call. A refusal is an answer: asking again will not help. A failure is none: nothing is known,
 * or the service cannot answer now, and asking again may help. The two are never shown alike.
 */
import type { Problem } from './types';

/** The service said no, and why. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'Refused';
    this.problem = problem;
  }
}

/** The service did not answer, or said that it cannot now. */
export class Failed extends Error {
  readonly problem: Problem | undefined;

  constructor(problem?: Problem, options?: ErrorOptions) {
    super(problem?.title ?? 'No answer', options);
    this.name = 'Failed';
    this.problem = problem;
  }
}

/** A problem's code, if the service gave one. */
export function codeOf(error: unknown): Problem['code'] | undefined {
  return error instanceof Refused || error instanceof Failed ? error.problem?.code : undefined;
}

/** Whether asking again may help. */
export function isFailure(error: unknown): boolean {
  return !(error instanceof Refused);
}

/** For the visitor, in a sentence or two. */
export function sentence(error: unknown): string {
  if (error instanceof Refused) {
    if (error.problem.code === 'seat_taken') {
      const seats = error.problem.conflicts ?? [];
      return seats.length > 0 ? `${error.problem.title}: ${seats.join(', ')}.` : `${error.problem.title}.`;
    }
    return error.problem.detail;
  }
  switch (codeOf(error)) {
    case 'inventory_rebuilding':
      return 'Tickets are being counted again. This takes a few seconds; nothing you have is lost.';
    case 'too_many_requests':
      return 'That was too fast. Wait a moment, then try again.';
    case 'outcome_unknown':
      return 'We do not know yet whether this went through. Trying again is safe: you cannot be charged twice.';
    case undefined:
      return 'We could not reach the ticket office. Check your connection and try again.';
    default:
      return 'The ticket office cannot answer right now. Please try again.';
  }
}

/** Something to tell the visitor. A refusal is final, a failure may pass, news is neither. */
export interface Notice {
  kind: 'refusal' | 'failure' | 'news';
  text: string;
}

/** What went wrong, as it is told. */
export function noticeOf(error: unknown): Notice {
  return { kind: isFailure(error) ? 'failure' : 'refusal', text: sentence(error) };
}
