const focusable = 'a[href], button, input, textarea, select, [tabindex]';

/** An element, and which child of its parent it was. */
type Step = readonly [Element, number];

const isKeyed = (element: HTMLElement) => element.tabIndex >= 0 && element.checkVisibility();

/**
 * Keeps the focus where it was. A browser gives it to the body once the element that has it goes, as a form does when it is saved:
 * whoever uses the keyboard would begin at the top of the page, and a screen reader would tell nothing. It goes to what has taken
 * that place, or is the nearest to it. Pointers are left alone.
 */
export function keepFocus(root: HTMLElement): void {
  let path: readonly Step[] = [];
  let isByKeys = false;
  const look = () => {
    if (document.activeElement !== document.body || !isByKeys) return;
    const lost = path.findLastIndex(([element]) => !element.isConnected);
    for (let index = lost; index >= 0 && index < path.length; index += 1) {
      const [, place = 0] = path[index] ?? [];
      const within = path[index + 1]?.[0] ?? root;
      const children = [...within.children];
      const near = [...children.slice(place), ...children.slice(0, place).reverse()];
      if (near.some(focusIn)) return;
    }
  };
  root.addEventListener('focusin', ({ target }) => {
    path = target instanceof Element ? pathOf(target, root) : [];
  });
  addEventListener('keydown', () => {
    isByKeys = true;
  });
  addEventListener('pointerdown', () => {
    isByKeys = false;
  });
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
}

/** From the element up to the child of the root. */
function pathOf(element: Element, root: Element): readonly Step[] {
  const parent = element.parentElement;
  if (element === root || parent === null) return [];
  return [[element, [...parent.children].indexOf(element)], ...pathOf(parent, root)];
}

/** Whether the element, or the first one in it that can have the focus, has it now. */
function focusIn(element: Element): boolean {
  const found = [element, ...element.querySelectorAll(focusable)].find(
    (each) => each instanceof HTMLElement && each.matches(focusable) && isKeyed(each),
  );
  if (!(found instanceof HTMLElement)) return false;
  found.focus();
  return document.activeElement === found;
}
