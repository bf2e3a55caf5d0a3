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

  function CardElement() {
    this.listeners = {};
    this.fields = {};
  }
  CardElement.prototype.mount = function (where) {
    var root = typeof where === 'string' ? document.querySelector(where) : where;
    var self = this;
    root.textContent = '';
    [['number', 'Card number', 'cc-number', '19'], ['exp', 'MM / YY', 'cc-exp', '5'], ['cvc', 'CVC', 'cc-csc', '4']].forEach(function (spec) {
      var input = document.createElement('input');
      input.name = 'sim-' + spec[0];
      input.placeholder = spec[1];
      input.setAttribute('aria-label', spec[1]);
      input.autocomplete = spec[2];
      input.inputMode = 'numeric';
      input.size = spec[3];
      input.addEventListener('input', function () { self.emit('change', self.state()); });
      root.appendChild(input);
      self.fields[spec[0]] = input;
    });
    this.root = root;
    setTimeout(function () { self.emit('ready', {}); }, 0);
  };
  CardElement.prototype.on = CardElement.prototype.addEventListener = function (name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
    return this;
  };
  CardElement.prototype.emit = function (name, event) {
    (this.listeners[name] || []).forEach(function (listener) { listener(event); });
  };
  CardElement.prototype.card = function () {
    var exp = this.fields.exp.value.split(/[^0-9]+/);
    return {
      number: this.fields.number.value.replace(/[^0-9]/g, ''), cvc: this.fields.cvc.value,
      exp_month: Number(exp[0]) || 0, exp_year: Number(exp[1]) || 0
    };
  };
  CardElement.prototype.state = function () {
    var card = this.card();
    var complete = card.number.length >= 13 && card.exp_month > 0 && card.exp_year > 0 && card.cvc.length >= 3;
    var error;
    if (card.number.length >= 16 && !luhn(card.number)) {
      error = { code: 'invalid_number', type: 'validation_error', message: 'Your card number is invalid.' };
    }
    return { elementType: 'card', complete: complete && !error, empty: card.number === '', error: error };
  };
  CardElement.prototype.update = function (options) {
    var disabled = !!(options && options.disabled);
    Object.values(this.fields).forEach(function (input) { input.disabled = disabled; });
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

  // challenge asks the customer, in the bank's place, to pass or to fail.
  function challenge(url) {
    return new Promise(function (resolve, reject) {
      var dialog = document.createElement('dialog');
      var text = document.createElement('p');
      text.textContent = '3D Secure test: your bank asks you to confirm this payment.';
      dialog.appendChild(text);
      [['Complete', 'succeed'], ['Fail', 'fail']].forEach(function (choice) {
        var button = document.createElement('button');
        button.textContent = choice[0];
        button.type = 'button';
        button.dataset.outcome = choice[1];
        button.addEventListener('click', function () {
          dialog.remove();
          fetch(url + '&outcome=' + choice[1], { method: 'POST' }).then(resolve, reject);
        });
        dialog.appendChild(button);
      });
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

  window.Stripe = function (key) {
    function call(method, path, params) {
      var form = encode(params || {}, '', new URLSearchParams());
      var url = origin + path;
      var options = { method: method, headers: { Authorization: 'Bearer ' + key } };
      if (method === 'GET') url += '?' + form; else options.body = form;
      return fetch(url, options).then(function (response) { return response.json(); });
    }
    function finish(kind, name, secret, body, actions) {
      if (body.error) return { error: body.error };
      if (body.status !== 'requires_action' || actions === false) return wrap(name, body);
      var next = body.next_action;
      var url = next.type === 'redirect_to_url' ? next.redirect_to_url.url : next.use_stripe_sdk.stripe_js;
      return challenge(url).then(function () { return retrieve(kind, secret); }).then(function (after) {
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
          create: function () { made = new CardElement(); return made; },
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
