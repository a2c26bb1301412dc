// Makes a part of the page what it should be by changing only what differs, so focus, selection and scrolling stay.
//
// Always: the old nodes stay where new ones of the same kind stand at their place. Never: for elements with listeners of
// their own; the old ones' would stay.

/**
 * @param {Element} element @param {Node[]} children What its children should be.
 */
export function patch(element, children) {
  const old = [...element.childNodes];
  children.forEach((child, i) => {
    const present = old[i];
    if (present) patchNode(present, child);
    else element.append(child);
  });
  old.slice(children.length).forEach((node) => node.remove());
}

/** @param {ChildNode} old @param {Node} wanted */
function patchNode(old, wanted) {
  if (old.isEqualNode(wanted)) return;
  if (old.nodeName !== wanted.nodeName) old.replaceWith(wanted);
  else if (old instanceof Element && wanted instanceof Element) {
    for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    patch(old, [...wanted.childNodes]);
  } else old.nodeValue = wanted.nodeValue;
}
