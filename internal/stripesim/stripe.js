// A stand-in for Stripe.js: the card Element, confirmCardPayment,
// confirmCardSetup, createPaymentMethod and the two retrieve calls, spoken to the
// simulator that served this file. Only for test keys.
(function () {
  'use strict';
  var origin = new URL(document.currentScript.src).origin;

  function encode(params, prefix, out) {
    Object.keys(params).forEach(function (name) {
      var value = params[name];
      if (value === undefined || value === null) return;
      var key = prefix ? prefix + '[' + name + ']' : name;
      if (typeof value === 'object') encode(value, key, out);
      else out.append(key, String(value));
    });
    return out;
  }

  function intentId(secret) { return secret.split('_secret_')[0]; }

  var fieldSpecs = [
    { name: 'number', hint: '1234 1234 1234 1234', label: 'Card number', autocomplete: 'cc-number', length: 23, flex: '1 1 12em' },
    { name: 'exp', hint: 'MM / YY', label: 'Expiry date, month and year', autocomplete: 'cc-exp', length: 7, flex: '1 1 4.5em' },
    { name: 'cvc', hint: 'CVC', label: 'Security code', autocomplete: 'cc-csc', length: 4, flex: '1 1 3em' }
  ];

  // written is what stands in a field after something was typed: digits in the groups that people read.
  function written(name, text) {
    var digits = text.replace(/[^0-9]/g, '');
    if (name === 'number') return digits.slice(0, 19).replace(/(.{4})(?=.)/g, '$1 ');
    if (name === 'exp' && digits.length > 2) return digits.slice(0, 2) + ' / ' + digits.slice(2, 6);
    return name === 'exp' ? digits : digits.slice(0, 4);
  }

  // The Elements put a frame into the page; this puts fields there. Their looks come from the style option, set on the
  // fields themselves: a page's Content-Security-Policy allows no more.
  function CardElement(options) {
    this.listeners = {};
    this.fields = {};
    this.options = options || {};
  }
  CardElement.prototype.mount = function (where) {
    var root = typeof where === 'string' ? document.querySelector(where) : where;
    var self = this;
    root.textContent = '';
    var row = document.createElement('div');
    Object.assign(row.style, { display: 'flex', flexWrap: 'wrap', gap: '4px 12px' });
    var rest = document.createElement('div'); // goes to a second line as a whole, where there is no room
    Object.assign(rest.style, { display: 'flex', gap: '12px', flex: '1 1 8.5em', minWidth: '0' });
    fieldSpecs.forEach(function (spec) {
      var input = document.createElement('input');
      input.name = 'sim-' + spec.name;
      input.placeholder = spec.hint;
      input.setAttribute('aria-label', spec.label);
      input.autocomplete = spec.autocomplete;
      input.inputMode = 'numeric';
      input.maxLength = spec.length;
      Object.assign(input.style, {
        flex: spec.flex, minWidth: '0', width: '100%', border: '0', padding: '0', margin: '0', background: 'transparent', outline: 'none', minHeight: '24px'
      });
      input.addEventListener('input', function () {
        var text = written(spec.name, input.value);
        if (text !== input.value && input.selectionStart === input.value.length) input.value = text;
        self.emit('change', self.state());
      });
      input.addEventListener('focus', function () { root.classList.add('StripeElement--focus'); self.emit('focus', {}); });
      input.addEventListener('blur', function () { root.classList.remove('StripeElement--focus'); self.emit('blur', {}); });
      (spec.name === 'number' ? row : rest).appendChild(input);
      self.fields[spec.name] = input;
    });
    row.appendChild(rest);
    root.classList.add('StripeElement');
    root.appendChild(row);
    this.root = root;
    this.paint();
    setTimeout(function () { self.emit('ready', {}); }, 0);
  };
  CardElement.prototype.paint = function () {
    var base = (this.options.style || {}).base || {};
    Object.values(this.fields).forEach(function (input) {
      input.style.color = base.color || 'inherit';
      input.style.fontSize = base.fontSize || '16px';
      input.style.fontFamily = base.fontFamily || 'inherit';
    });
  };
  CardElement.prototype.on = CardElement.prototype.addEventListener = function (name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
    return this;
  };
  CardElement.prototype.emit = function (name, event) {
    (this.listeners[name] || []).forEach(function (listener) { listener(event); });
  };
  CardElement.prototype.card = function () {
    var exp = this.fields.exp.value.replace(/[^0-9]/g, '');
    var year = exp.slice(2);
    return {
      number: this.fields.number.value.replace(/[^0-9]/g, ''), cvc: this.fields.cvc.value,
      exp_month: Number(exp.slice(0, 2)) || 0, exp_year: year.length === 2 ? 2000 + Number(year) : Number(year) || 0
    };
  };
  CardElement.prototype.state = function () {
    var card = this.card();
    var error;
    if (card.number.length >= 16 && !luhn(card.number)) {
      error = { code: 'invalid_number', type: 'validation_error', message: 'Your card number is invalid.' };
    } else if (card.exp_month > 12) {
      error = { code: 'invalid_expiry_month', type: 'validation_error', message: 'Your card’s expiration date is invalid.' };
    }
    var complete = !error && card.number.length >= 13 && card.exp_month > 0 && card.exp_year >= 2000 && card.cvc.length >= 3;
    this.root.classList.toggle('StripeElement--invalid', !!error);
    this.root.classList.toggle('StripeElement--complete', complete);
    return { elementType: 'card', complete: complete, empty: card.number === '', error: error };
  };
  CardElement.prototype.update = function (options) {
    if (!options) return;
    if ('disabled' in options) Object.values(this.fields).forEach(function (input) { input.disabled = !!options.disabled; });
    if (options.style) { this.options.style = options.style; this.paint(); }
  };
  CardElement.prototype.clear = function () {
    Object.values(this.fields).forEach(function (input) { input.value = ''; });
  };
  CardElement.prototype.focus = function () { this.fields.number.focus(); };
  CardElement.prototype.blur = function () { this.fields.number.blur(); };
  CardElement.prototype.unmount = CardElement.prototype.destroy = function () { if (this.root) this.root.textContent = ''; };

  function luhn(number) {
    var sum = 0;
    for (var i = 0; i < number.length; i++) {
      var digit = Number(number[number.length - 1 - i]);
      if (i % 2 === 1) { digit *= 2; if (digit > 9) digit -= 9; }
      sum += digit;
    }
    return sum % 10 === 0;
  }

  // challenge asks the customer, in the bank's place, to pass or to fail. Escape is failing: the customer turned away.
  function challenge(url) {
    return new Promise(function (resolve, reject) {
      var dialog = document.createElement('dialog');
      var title = document.createElement('h2');
      title.textContent = '3D Secure test';
      title.id = 'sim-challenge';
      dialog.setAttribute('aria-labelledby', title.id);
      var text = document.createElement('p');
      text.textContent = 'Here your bank would ask you to confirm this payment.';
      dialog.append(title, text);
      Object.assign(dialog.style, { maxWidth: '20rem', padding: '1.5rem', borderRadius: '12px', border: '1px solid' });
      function answer(outcome) {
        dialog.remove();
        fetch(url + '&outcome=' + outcome, { method: 'POST' }).then(resolve, reject);
      }
      [['Complete', 'succeed'], ['Fail', 'fail']].forEach(function (choice) {
        var button = document.createElement('button');
        button.textContent = choice[0];
        button.type = 'button';
        button.dataset.outcome = choice[1];
        Object.assign(button.style, { width: 'auto', marginRight: '12px', padding: '8px 16px' });
        button.addEventListener('click', function () { answer(choice[1]); });
        dialog.appendChild(button);
      });
      dialog.addEventListener('cancel', function (event) { event.preventDefault(); answer('fail'); });
      document.body.appendChild(dialog);
      if (dialog.showModal) dialog.showModal(); else dialog.setAttribute('open', '');
    });
  }

  function methodParams(data) {
    if (!data || !data.payment_method) return {};
    if (typeof data.payment_method === 'string') return { payment_method: data.payment_method };
    var given = data.payment_method;
    var card = given.card instanceof CardElement ? given.card.card() : given.card;
    return { payment_method_data: { type: 'card', card: card, billing_details: given.billing_details, metadata: given.metadata } };
  }

  window.Stripe = function (key, settings) {
    function call(method, path, params) {
      var form = encode(params || {}, '', new URLSearchParams());
      var url = origin + path;
      var options = { method: method, headers: { Authorization: 'Bearer ' + key } };
      if (settings && settings.stripeAccount) options.headers['Stripe-Account'] = settings.stripeAccount;
      if (method === 'GET') url += '?' + form; else options.body = form;
      return fetch(url, options).then(function (response) { return response.json(); }).catch(function () {
        return { error: { type: 'api_connection_error', message: 'We are experiencing issues connecting to our payments provider.' } };
      });
    }
    function finish(kind, name, secret, body, actions) {
      if (body.error) return { error: body.error };
      if (body.status !== 'requires_action' || actions === false) return wrap(name, body);
      var next = body.next_action;
      var url = next.type === 'redirect_to_url' ? next.redirect_to_url.url : next.use_stripe_sdk.stripe_js;
      return challenge(url).then(function () { return retrieve(kind, secret); }).then(function (after) {
        if (after.error) return { error: after.error };
        var failed = after.last_payment_error || after.last_setup_error;
        if (failed) return { error: Object.assign({ [name === 'paymentIntent' ? 'payment_intent' : 'setup_intent']: after }, failed) };
        return wrap(name, after);
      });
    }
    function wrap(name, body) { var out = {}; out[name] = body; return out; }
    function retrieve(kind, secret) { return call('GET', '/v1/' + kind + '/' + intentId(secret), { client_secret: secret }); }
    function confirm(kind, name, secret, data, options) {
      var params = Object.assign({ client_secret: secret, use_stripe_sdk: true }, methodParams(data));
      if (data && data.setup_future_usage) params.setup_future_usage = data.setup_future_usage;
      if (data && data.return_url) params.return_url = data.return_url;
      return call('POST', '/v1/' + kind + '/' + intentId(secret) + '/confirm', params).then(function (body) {
        return finish(kind, name, secret, body, options && options.handleActions);
      });
    }
    function retrieved(kind, name) {
      return function (secret) {
        return retrieve(kind, secret).then(function (body) { return body.error ? { error: body.error } : wrap(name, body); });
      };
    }
    return {
      elements: function () {
        var made;
        return {
          create: function (type, options) {
            if (type !== 'card') throw new Error('the stand-in for Stripe.js has no ' + type + ' Element');
            made = new CardElement(options);
            return made;
          },
          getElement: function () { return made || null; }
        };
      },
      createPaymentMethod: function (data) {
        var params = methodParams({ payment_method: data }).payment_method_data;
        return call('POST', '/v1/payment_methods', params).then(function (body) {
          return body.error ? { error: body.error } : { paymentMethod: body };
        });
      },
      confirmCardPayment: function (secret, data, options) { return confirm('payment_intents', 'paymentIntent', secret, data, options); },
      confirmCardSetup: function (secret, data, options) { return confirm('setup_intents', 'setupIntent', secret, data, options); },
      handleNextAction: function (data) {
        return retrieve('payment_intents', data.clientSecret).then(function (body) {
          return finish('payment_intents', 'paymentIntent', data.clientSecret, body);
        });
      },
      retrievePaymentIntent: retrieved('payment_intents', 'paymentIntent'),
      retrieveSetupIntent: retrieved('setup_intents', 'setupIntent')
    };
  };
})();
