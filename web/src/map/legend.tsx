import { useEffect, useRef } from 'react';
import { colourOf } from './colours';
import { LOOKS } from './looks';

const SIZE = 20;

/** What the shapes and colours mean, drawn by the same rules as the map. */
export function Legend({ theme }: { theme: string }) {
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-sm" aria-label="Legend">
      {LOOKS.map((look, index) => (
        <li key={look.text} className="flex items-center gap-1.5">
          <span aria-hidden="true">
            <Sample look={index} theme={theme} />
          </span>
          {look.text}
        </li>
      ))}
    </ul>
  );
}

function Sample({ look, theme }: { look: number; theme: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides what the colours are
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    const style = LOOKS[look];
    if (!context || !style) return;
    const image = new ImageData(SIZE * 2, SIZE * 2);
    const [red, green, blue] = colourOf(style.colour);
    for (let pixel = 0; pixel < SIZE * SIZE * 4; pixel += 1) {
      const x = (pixel % (SIZE * 2)) + 0.5 - SIZE;
      const y = Math.floor(pixel / (SIZE * 2)) + 0.5 - SIZE;
      image.data.set([red, green, blue, 255 * style.coverage(x, y, SIZE * 0.72)], pixel * 4);
    }
    context.putImageData(image, 0, 0);
  }, [look, theme]);
  return <canvas ref={canvas} width={SIZE * 2} height={SIZE * 2} className="size-5" />;
}
