// A graph with its layout: static/pathways_map.js draws with it.
import cytoscape from "cytoscape";
import dagre from "cytoscape-dagre";

cytoscape.use(dagre);
export { cytoscape };
