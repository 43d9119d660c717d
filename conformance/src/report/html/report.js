'use strict';
(() => {
  const form = document.getElementById('filters');
  const count = document.getElementById('count');
  const rows = [...document.querySelectorAll('.row')];
  const cases = [...document.querySelectorAll('details.case')];
  const groups = [...document.querySelectorAll('.matrix tbody, section.folder')];
  const names = ['q', 'verdict', 'section', 'level', 'target'];
  const field = (name) => form.elements.namedItem(name);
  const value = (name) => (field(name) ? field(name).value : '');
  const targets = field('target') ? [...field('target').options].slice(1).map((option) => option.value) : [];
  // What is searched for words: a case by what its summary and its requirements say, not by its segments.
  const said = new Map([...rows, ...cases].map((one) => {
    const parts = one.matches('.row') ? [one] : one.querySelectorAll(':scope > summary, :scope > .requirements');
    return [one, (one.id + ' ' + [...parts].map((part) => part.textContent).join(' ')).toLowerCase()];
  }));

  const within = (section, wanted) => section === wanted || section.startsWith(wanted + '.');
  const fits = (one, words) => {
    const { sections, levels, verdicts } = one.dataset;
    const place = targets.indexOf(value('target'));
    const seen = verdicts.split(' ').filter((_, index) => place < 0 || index === place);
    return words.every((word) => said.get(one).includes(word))
      && (!value('verdict') || seen.includes(value('verdict')))
      && (!value('section') || sections.split(' ').some((section) => within(section, value('section'))))
      && (!value('level') || levels.split(' ').includes(value('level')));
  };

  const apply = () => {
    const words = value('q').toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of [...rows, ...cases]) one.hidden = !fits(one, words);
    for (const group of groups) group.hidden = !group.querySelector('.row:not([hidden]), details.case:not([hidden])');
    const shown = (all) => all.filter((one) => !one.hidden).length;
    count.textContent = `${shown(rows)} of ${rows.length} requirements, ${shown(cases)} of ${cases.length} cases`;
  };

  const set = (params) => {
    for (const name of names) if (field(name)) field(name).value = params.get(name) || '';
  };

  // `#?verdict=fail` filters, so that what is shown can be sent as a link; anything else is a place.
  const follow = () => {
    const hash = location.hash.slice(1);
    if (hash.startsWith('?')) {
      set(new URLSearchParams(hash.slice(1)));
      apply();
      return;
    }
    const place = document.getElementById(decodeURIComponent(hash));
    if (!place) return;
    if (place.hidden) {
      set(new URLSearchParams());
      apply();
    }
    if (place.matches('details')) place.open = true;
    place.scrollIntoView();
  };

  form.addEventListener('input', () => {
    const params = new URLSearchParams();
    for (const name of names) if (value(name)) params.set(name, value(name));
    history.replaceState(null, '', params.size ? `#?${params}` : '#');
    apply();
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => {
    history.replaceState(null, '', '#');
    setTimeout(apply);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.matches('input, select')) return;
    event.preventDefault();
    field('q').focus();
  });
  addEventListener('hashchange', follow);
  let unfolded = [];
  addEventListener('beforeprint', () => {
    unfolded = cases.filter((one) => !one.hidden && !one.open);
    for (const one of unfolded) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of unfolded) one.open = false;
  });

  form.hidden = false;
  apply();
  follow();
})();
