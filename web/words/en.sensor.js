export default { sensor: {}, system: {}, broker: {} };
