'use strict';

const { parseArgs } = require('node:util');

const { Course } = require('./course');

const ROUND_ROBIN = '{"loadBalancingConfig":[{"round_robin":{}}]}';

/** The command line is wrong; the message is one line. */
class BadArgumentError extends Error {}

const FLAGS = [
  'target', 'clients', 'rate', 'rates', 'timeout', 'start-at', 'duration', 'seed', 'max-in-flight', 'max-lateness',
  'service-config', 'channel-arg',
];

/** Reads the command line; throws BadArgumentError. */
function parse(words) {
  const given = read(words);
  if (given.target === undefined) {
    throw new BadArgumentError('the following arguments are required: --target');
  }
  return {
    target: given.target,
    clients: count('--clients', given.clients ?? '1'),
    rate: positive('--rate', given.rate ?? '10'),
    course: given.rates === undefined ? undefined : course('--rates', given.rates),
    timeout: positive('--timeout', given.timeout ?? '5'),
    startAt: given['start-at'] === undefined ? undefined : notNegative('--start-at', given['start-at']), // or now
    duration: positive('--duration', given.duration ?? '10'),
    seed: whole('--seed', given.seed ?? '0'),
    maxInFlight: count('--max-in-flight', given['max-in-flight'] ?? '1000'),
    maxLateness: positive('--max-lateness', given['max-lateness'] ?? '1'),
    serviceConfig: object('--service-config', given['service-config'] ?? ROUND_ROBIN),
    channelArgs: Object.fromEntries((given['channel-arg'] ?? []).map(pair)),
    check: given.check ?? false,
  };
}

function read(words) {
  const options = Object.fromEntries(
    FLAGS.map((flag) => [flag, { type: 'string', multiple: flag === 'channel-arg' }]),
  );
  options.check = { type: 'boolean' };
  try {
    return parseArgs({ args: words, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new BadArgumentError(error.message);
  }
}

function number(flag, text) {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isFinite(value)) {
    throw new BadArgumentError(`${flag}: '${text}' is not a finite number`);
  }
  return value;
}

function positive(flag, text) {
  const value = number(flag, text);
  if (value <= 0) {
    throw new BadArgumentError(`${flag}: '${text}' is not greater than 0`);
  }
  return value;
}

function notNegative(flag, text) {
  const value = number(flag, text);
  if (value < 0) {
    throw new BadArgumentError(`${flag}: '${text}' is less than 0`);
  }
  return value;
}

function course(flag, text) {
  try {
    return Course.parse(text);
  } catch (error) {
    throw new BadArgumentError(`${flag}: ${error.message}`);
  }
}

function whole(flag, text) {
  if (!/^-?\d+$/.test(text)) {
    throw new BadArgumentError(`${flag}: '${text}' is not a whole number`);
  }
  return text; // a seed may be larger than a double holds
}

function count(flag, text) {
  const value = Number(whole(flag, text));
  if (value < 1 || value > 100_000) {
    throw new BadArgumentError(`${flag}: '${text}' is not from 1 to 100000`);
  }
  return value;
}

function object(flag, text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BadArgumentError(`${flag}: not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new BadArgumentError(`${flag}: not a JSON object`);
  }
  return value;
}

/** KEY=VALUE; a value that reads as an integer is one. */
function pair(text) {
  const equals = text.indexOf('=');
  if (equals < 1) {
    throw new BadArgumentError(`--channel-arg: '${text}' is not KEY=VALUE`);
  }
  const value = text.slice(equals + 1);
  return [text.slice(0, equals), /^[+-]?\d+$/.test(value) ? Number(value) : value];
}

module.exports = { BadArgumentError, parse };
