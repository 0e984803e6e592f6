import type { ComponentProps } from 'react';

type Props = Omit<ComponentProps<'button'>, 'disabled'> & {
  look?: 'plain' | 'primary';
  /** Nothing happens for now; unlike a disabled button it keeps the focus. */
  isOff?: boolean;
};

export function Button({ look = 'plain', isOff = false, className = '', onClick, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={`button ${look === 'primary' ? 'button-primary' : ''} ${className}`}
      aria-disabled={isOff}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}
