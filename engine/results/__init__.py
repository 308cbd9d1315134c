"""Results: numbers and masks as files that PACS, spreadsheets and researchers take as they are.

`bundle.export` writes them, whole or not at all; `reopen` reads them back. highdicom is imported only to write DICOM.
"""
