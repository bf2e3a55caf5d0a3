// The recovery page. It asks Tranche for the client secret of one payment, keeps it in a variable, and lets Stripe.js
// confirm it. What the page shows comes from the server: when the payment changes, the page is loaded anew.
(function () {
  'use strict';
  var main = document.querySelector('main');
  if (!main || !main.dataset.state) return;
  document.documentElement.classList.add('js');

  var texts = document.getElementById('texts').dataset;
  var reasons = JSON.parse(main.dataset.reasons);
  var path = location.pathname.replace(/\/+$/, '');
  var dark = matchMedia('(prefers-color-scheme: dark)');
  var stripe = null;
  var busy = false;
  var elements = [];

  // ---- Tranche

  function Failure(text, changed) { this.text = text; this.changed = !!changed; }

  function post(action, body) {
    var stop = new AbortController();
    var timer = setTimeout(function () { stop.abort(); }, 40000);
    return fetch(path + '/' + action, {
      method: 'POST', credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: stop.signal,
      headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body || {})
    }).then(function (response) {
      clearTimeout(timer);
      if (response.ok) return response.json();
      if (response.status === 429) throw new Failure(texts.often);
      if (response.status === 423) throw new Failure(texts.locked);
      if (response.status === 404 || response.status === 409) throw new Failure(texts.changed, true);
      throw new Failure(texts.network);
    }, function () {
      clearTimeout(timer);
      throw new Failure(texts.network);
    });
  }

  // ---- what follows

  var flashKey = 'tranche-flash';

  // reload shows the payment as it is now, and says what was done.
  function reload(text) {
    try { if (text) sessionStorage.setItem(flashKey, text); } catch (e) { /* a private window: the page says it by itself */ }
    location.replace(location.href);
  }

  function showFlash() {
    var text = null;
    try { text = sessionStorage.getItem(flashKey); sessionStorage.removeItem(flashKey); } catch (e) { return; }
    if (!text) return;
    var flash = document.querySelector('[data-flash]');
    flash.hidden = false;
    setTimeout(function () { flash.textContent = text; }, 50); // after it is in the tree, or it is not read out
    document.getElementById('heading').focus();
  }

  // follow waits until the server knows of the change: Stripe tells it by a webhook, mostly within a second.
  function follow(text) {
    var tries = 0;
    function again() {
      tries += 1;
      if (tries < 200) setTimeout(look, tries < 10 ? 400 : 3000);
    }
    function look() {
      post('state').then(function (answer) {
        if (answer.state === main.dataset.state) again();
        else reload(text);
      }, again);
    }
    look();
  }

  // settled replaces the forms by the news, at once: the server's own page follows.
  function settled(heading, lead, text) {
    document.querySelectorAll('.pay, .wallet, .reason').forEach(function (part) { part.hidden = true; });
    document.querySelectorAll('.lead').forEach(function (part) { part.remove(); });
    var h = document.getElementById('heading');
    h.textContent = heading;
    if (lead) {
      var p = document.createElement('p');
      p.className = 'lead';
      p.textContent = lead;
      h.after(p);
    }
    main.dataset.settled = 'yes';
    h.focus();
    follow(text);
  }

  // ---- Stripe.js

  function style() {
    var css = getComputedStyle(document.documentElement);
    var value = function (name) { return css.getPropertyValue(name).trim(); };
    return {
      base: {
        color: value('--text'), iconColor: value('--soft'), fontSize: '16px', fontFamily: 'system-ui, sans-serif',
        '::placeholder': { color: value('--soft') }
      },
      invalid: { color: value('--bad'), iconColor: value('--bad') }
    };
  }

  // open makes the one Stripe of the page, in the account whose payment it is.
  function open() {
    var settings = { locale: main.dataset.lang };
    if (main.dataset.account) settings.stripeAccount = main.dataset.account;
    stripe = stripe || window.Stripe(main.dataset.key, settings);
  }

  function mount(form) {
    var field = form.querySelector('.field');
    if (!field || form.element) return;
    if (!window.Stripe) return problem(form, texts.network);
    open();
    // One Element of a kind for each group: the page may hold two forms.
    form.element = stripe.elements().create('card', { style: style() });
    form.element.mount(field);
    form.element.on('change', function (event) {
      form.complete = event.complete;
      problem(form, event.error ? event.error.message : '');
    });
    form.querySelector('.label').addEventListener('click', function () { form.element.focus(); });
    elements.push(form.element);
  }

  dark.addEventListener('change', function () {
    elements.forEach(function (element) { element.update({ style: style() }); });
  });

  // why says what may be told of an error of Stripe's, in the customer's language.
  function why(error) {
    var intent = error.payment_intent || error.setup_intent;
    if (intent && intent.status === 'canceled') return new Failure(texts.changed, true);
    if (/_authentication_failure$/.test(error.code || '')) return new Failure(texts.authentication + ' ' + texts.again);
    if (error.type === 'validation_error') return new Failure(error.message);
    if (error.type === 'card_error') {
      var reason = reasons[error.decline_code] || reasons[error.code] || 'declined';
      return new Failure(texts['reason' + reason.replace(/_/g, '')] + ' ' + texts.again);
    }
    if (error.code === 'payment_intent_unexpected_state') return new Failure(texts.changed, true);
    return new Failure(texts.network);
  }

  // ---- forms

  function problem(form, text) {
    form.querySelector('[data-error]').textContent = text;
  }

  function working(form, on) {
    busy = on;
    main.setAttribute('aria-busy', String(on));
    var button = form.querySelector('button[type=submit]');
    button.disabled = on;
    button.classList.toggle('busy', on);
    if (on) { button.dataset.text = button.textContent; button.textContent = texts.working; }
    else if (button.dataset.text) button.textContent = button.dataset.text;
    if (form.element) form.element.update({ disabled: on });
    form.querySelectorAll('input[name]').forEach(function (input) { input.disabled = on; });
  }

  function usesSaved(form) {
    var chosen = form.querySelector('input[name=with]:checked');
    return !!chosen && chosen.value === 'saved';
  }

  function showOther(form) {
    var other = form.querySelector('[data-other]');
    other.hidden = usesSaved(form);
    if (!other.hidden) mount(form);
    problem(form, '');
  }

  // ready says whether what another card needs is there, and puts the focus where something is missing.
  function ready(form) {
    if (!form.element) { mount(form); if (!form.element) return false; }
    if (!form.complete) {
      if (!form.querySelector('[data-error]').textContent) problem(form, texts.incomplete);
      form.element.focus();
      return false;
    }
    var consent = form.querySelector('input[name=consent]');
    if (!consent.checked) {
      problem(form, texts.consent);
      consent.focus();
      return false;
    }
    return true;
  }

  // pay confirms each payment in turn: what the button says is one sum, and at Stripe each part is a payment of its own.
  function pay(form) {
    var saved = usesSaved(form);
    if (saved && !window.Stripe) throw new Failure(texts.network);
    open();
    return post('intent', {
      charges: form.dataset.charges.split(' '), total: Number(form.dataset.total), saved: saved,
      consent: saved ? '' : texts.version, listed: saved ? '' : form.dataset.listed
    }).then(function (given) {
      var waits = false;
      return given.payments.reduce(function (before, payment, i) {
        return before.then(function () {
          return confirm(form, payment, saved);
        }).then(function (status) {
          if (status !== 'succeeded') waits = true;
        }, function (failure) {
          failure.partly = i > 0; // an earlier one went through
          throw failure;
        });
      }, Promise.resolve()).then(function () { done(waits ? 'processing' : 'succeeded'); });
    });
  }

  // confirm has Stripe take one payment, and gives its status: succeeded or processing.
  function confirm(form, given, saved) {
    if (given.branch === 'paid') return 'succeeded';
    if (given.branch === 'processing' || given.branch === 'charging') return 'processing';
    if (!given.client_secret) throw new Failure(texts.changed, true);
    var details = saved ? { payment_method: given.payment_method }
      : { payment_method: { card: form.element }, setup_future_usage: 'off_session' };
    return stripe.confirmCardPayment(given.client_secret, details).then(function (result) {
      if (result.paymentIntent) return settledStatus(result.paymentIntent.status);
      var intent = result.error.payment_intent; // somebody else may have paid it meanwhile: a retry, or another tab
      if (intent && (intent.status === 'succeeded' || intent.status === 'processing')) return intent.status;
      throw why(result.error);
    });
  }

  function settledStatus(status) {
    if (status === 'succeeded' || status === 'processing') return status;
    throw new Failure(texts.authentication + ' ' + texts.again);
  }

  function done(status) {
    if (status === 'succeeded') settled(texts.paidtitle, texts.paidtext);
    else settled(texts.processingtitle, texts.processingtext);
  }

  function save(form) {
    return post('card', { consent: texts.version, listed: form.dataset.listed }).then(function (given) {
      if (!given.client_secret) throw new Failure(texts.changed, true);
      return stripe.confirmCardSetup(given.client_secret, { payment_method: { card: form.element } }).then(function (result) {
        if (result.error) throw why(result.error);
        settled(texts.savedtitle, '', texts.saved);
      });
    });
  }

  function remove() {
    return post('card/remove').then(function () { reload(texts.removed); });
  }

  function submit(form) {
    var kind = form.dataset.form;
    if (busy) return;
    if (kind === 'save' && !ready(form)) return;
    if (kind === 'pay' && !usesSaved(form) && !ready(form)) return;
    problem(form, '');
    working(form, true);
    Promise.resolve().then(function () {
      return kind === 'pay' ? pay(form) : kind === 'save' ? save(form) : remove();
    }).then(null, function (failure) {
      working(form, false);
      problem(form, failure instanceof Failure ? failure.text : texts.network);
      if (failure.partly) return settled(texts.processingtitle, '', texts.partly);
      if (failure.changed) return reload(texts.changed);
      form.querySelector('button[type=submit]').focus();
    });
  }

  document.querySelectorAll('form[data-form]').forEach(function (form) {
    form.addEventListener('submit', function (event) { event.preventDefault(); submit(form); });
    form.querySelectorAll('input[name=with]').forEach(function (input) {
      input.addEventListener('change', function () { showOther(form); });
    });
    var fold = form.closest('details');
    if (fold) {
      fold.addEventListener('toggle', function () { if (fold.open && form.querySelector('[data-other]')) showOther(form); });
      if (form.querySelector('[data-other]') && form.querySelector('input[name=with]')) form.querySelector('[data-other]').hidden = usesSaved(form);
    } else if (form.querySelector('[data-other]')) showOther(form);
  });

  // A page that the browser kept, as with its back button, shows what was: ask anew.
  addEventListener('pageshow', function (event) { if (event.persisted) location.reload(); });
  showFlash();
  if (main.dataset.branch === 'processing' || main.dataset.branch === 'charging') follow('');
  main.dataset.ready = 'yes';
})();
