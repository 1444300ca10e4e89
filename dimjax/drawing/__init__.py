"""Pictures, charts and text tables for the report and the commands.

pictures: frames as grey images, enlarged and marked; overlay: full frames with detections, video.
contact_sheet: labelled windows side by side. charts: curves and bars as SVG. data_uri: images
inside a page. text_tables: tables for a terminal.
"""
