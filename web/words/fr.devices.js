// Les mots français de la page Appareils, et de ce qui est entendu sans être lu.

/** @param {number} n @param {string} one @param {string} many */
const count = (n, one, many) => `${n.toLocaleString("fr-FR")} ${n < 2 ? one : many}`;
/** @param {number} n */
const messages = (n) => count(n, "message", "messages");
/** @param {number} n */
const devices = (n) => count(n, "appareil", "appareils");

export default {
  title: "Appareils",
  since: (/** @type {string} */ at) => `Ce qui a été entendu depuis le démarrage de Vigie, ${at}.`,
  toRead: (/** @type {number} */ n) => `Vers ${n < 2 ? "l'appareil lu" : `les ${devices(n)} lus`}`,
  unclaimed: "Sujets qu'aucune table ne prend",
  unclaimedHelp: "Collez dans la configuration les lignes voulues, corrigez noms et unités, puis redémarrez Vigie.",
  unclaimedNone: "Aucun sujet de ce genre n'a été entendu.",
  elsewhere: "Vigie ne s'abonne sur ce courtier qu'à ce que ses tables lisent. Cette commande écoute le reste :",
  heard: (/** @type {number} */ n, /** @type {string} */ age) => `${messages(n)}, le dernier il y a ${age}`,
  more: (/** @type {number} */ n) => `et ${count(n, "autre forme de sujet", "autres formes de sujets")}`,
  unlisted: (/** @type {number} */ n) => `et d'autres, soit ${messages(n)}`,
  lines: (/** @type {string} */ shape) => `Lignes de configuration pour ${shape}`,
  showAll: (/** @type {number} */ n) => `Tout afficher (${n.toLocaleString("fr-FR")})`,
  showFew: "En afficher moins",
  faults: "Incompris",
  rejectedOf: (/** @type {number} */ n, /** @type {number} */ all) => `${n.toLocaleString("fr-FR")} sur ${messages(all)} : ${n < 2 ? "rejeté" : "rejetés"}`,
  parts: (/** @type {number} */ n) => count(n, "valeur incomprise", "valeurs incomprises"),
  neverThere: "Dans aucun message jusqu'ici :",
  rejectedNone: "Aucun message n'a été rejeté.",
  rejectedCount: (/** @type {number} */ n) => `${count(n, "message a été rejeté", "messages ont été rejetés")} depuis la création de la base.`,
  rejectedWhere: "La base garde les plus récents, avec sujet, contenu et motif :",
  tables: "Tables",
  tableColumns: ["Table", "Messages", "Ignorés", "Rejetés", "Valeurs incomprises", "Dernier"],
  own: "sujets propres à Vigie",
  read: "Appareils lus",
  search: "Rechercher un appareil",
  columns: { name: "Appareil", measures: "Grandeurs", table: "Table", state: "État", age: "Entendu" },
  states: { online: "en ligne", offline: "hors ligne" },
  retained: "conservé",
  retainedHelp: "Il n'en a été entendu que des messages gardés par le courtier : ce ne sont pas des signes de vie.",
  shown: (/** @type {number} */ n, /** @type {number} */ all) => (n === all ? devices(n) : `${n.toLocaleString("fr-FR")} sur ${devices(all)}`),
  unlistedReadings: (/** @type {number} */ n) => `et d'autres, soit ${count(n, "mesure", "mesures")} : vigie readings les montre`,
  none: "Aucun appareil n'a encore été entendu.",
  noMatch: "Aucun appareil ne correspond.",
};
