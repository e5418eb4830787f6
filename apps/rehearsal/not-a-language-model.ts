/** Said with whatever the rehearsal server says on its own behalf. */
export const NOT_A_LANGUAGE_MODEL = 'This is the rehearsal model: it plays scripts and is not a language model.';
