<?xml version="1.0" encoding="utf-8"?>
<TS version="2.1" language="de" sourcelanguage="en">
 <context>
  <name>Canvas</name>
  <message>
   <source>Drop a chest film here</source>
   <translation>Thoraxaufnahme hierher ziehen</translation>
  </message>
  <message>
   <source>Film</source>
   <translation>Film</translation>
  </message>
  <message>
   <source>Opening the film …</source>
   <translation>Film wird geöffnet …</translation>
  </message>
  <message>
   <source>check</source>
   <translation>prüfen</translation>
  </message>
  <message>
   <source>or press Ctrl+O to open DICOM, PNG, TIFF or JPEG, or a folder</source>
   <translation>oder mit Strg+O DICOM, PNG, TIFF, JPEG oder einen Ordner öffnen</translation>
  </message>
  <message>
   <source>x {x}  y {y}   stored {stored}   value {value}   shown {level}</source>
   <translation>x {x}  y {y}   gespeichert {stored}   Wert {value}   gezeigt {level}</translation>
  </message>
 </context>
 <context>
  <name>ChangesModel</name>
  <message>
   <source>change</source>
   <translation>Diff.</translation>
  </message>
  <message>
   <source>now</source>
   <translation>jetzt</translation>
  </message>
  <message>
   <source>then</source>
   <translation>damals</translation>
  </message>
 </context>
 <context>
  <name>ChangesPanel</name>
  <message>
   <source>Another patient ID: is this the same patient?</source>
   <translation>Andere Patienten-ID: Ist es derselbe Patient?</translation>
  </message>
  <message>
   <source>By its date, the prior is the later film.</source>
   <translation>Nach dem Datum ist die Voraufnahme die spätere Aufnahme.</translation>
  </message>
  <message>
   <source>Changes since the prior</source>
   <translation>Änderungen seit der Voraufnahme</translation>
  </message>
  <message>
   <source>Outline the prior's lungs</source>
   <translation>Lungen der Voraufnahme umranden</translation>
  </message>
  <message>
   <source>Outline this film too, and the changes are shown.</source>
   <translation>Umranden Sie auch diese Aufnahme, dann erscheinen die Änderungen.</translation>
  </message>
  <message>
   <source>Outlining the prior …</source>
   <translation>Die Voraufnahme wird umrandet …</translation>
  </message>
  <message>
   <source>Prior of {date}. {about}</source>
   <translation>Voraufnahme vom {date}. {about}</translation>
  </message>
  <message>
   <source>The prior has no outlines yet.</source>
   <translation>Die Voraufnahme hat noch keine Konturen.</translation>
  </message>
  <message>
   <source>The prior: {what}</source>
   <translation>Die Voraufnahme: {what}</translation>
  </message>
  <message>
   <source>The two films are of different views.</source>
   <translation>Die beiden Aufnahmen haben verschiedene Strahlengänge.</translation>
  </message>
 </context>
 <context>
  <name>Commands</name>
  <message>
   <source>About Lungbox</source>
   <translation>Über Lungbox</translation>
  </message>
  <message>
   <source>Accept and export</source>
   <translation>Annehmen und exportieren</translation>
  </message>
  <message>
   <source>Both lungs</source>
   <translation>Beide Lungen</translation>
  </message>
  <message>
   <source>Box</source>
   <translation>Rahmen</translation>
  </message>
  <message>
   <source>Brush</source>
   <translation>Pinsel</translation>
  </message>
  <message>
   <source>Calibrate by the last distance …</source>
   <translation>Mit letzter Strecke kalibrieren …</translation>
  </message>
  <message>
   <source>Cancel, then deselect</source>
   <translation>Abbrechen, dann abwählen</translation>
  </message>
  <message>
   <source>Clip to box</source>
   <translation>Auf Rahmen zuschneiden</translation>
  </message>
  <message>
   <source>Close</source>
   <translation>Schließen</translation>
  </message>
  <message>
   <source>Compare with a prior …</source>
   <translation>Mit Voraufnahme vergleichen …</translation>
  </message>
  <message>
   <source>Corner text</source>
   <translation>Text in den Ecken</translation>
  </message>
  <message>
   <source>Correct for magnification</source>
   <translation>Vergrößerung herausrechnen</translation>
  </message>
  <message>
   <source>Delete selected</source>
   <translation>Auswahl löschen</translation>
  </message>
  <message>
   <source>Distance</source>
   <translation>Strecke</translation>
  </message>
  <message>
   <source>Edit shortcuts …</source>
   <translation>Tastenkürzel ändern …</translation>
  </message>
  <message>
   <source>Eraser</source>
   <translation>Radierer</translation>
  </message>
  <message>
   <source>Exchange right and left</source>
   <translation>Rechts und links tauschen</translation>
  </message>
  <message>
   <source>Export de-identified …</source>
   <translation>Ohne Namen exportieren …</translation>
  </message>
  <message>
   <source>Export …</source>
   <translation>Exportieren …</translation>
  </message>
  <message>
   <source>Fainter fill</source>
   <translation>Fläche schwächer</translation>
  </message>
  <message>
   <source>Fill holes</source>
   <translation>Löcher füllen</translation>
  </message>
  <message>
   <source>Fill, contour, off (hold to peek)</source>
   <translation>Fläche, Kontur, aus (halten: darunter sehen)</translation>
  </message>
  <message>
   <source>Film</source>
   <translation>Film</translation>
  </message>
  <message>
   <source>Film, list, structures, numbers in turn</source>
   <translation>Film, Liste, Strukturen, Werte reihum</translation>
  </message>
  <message>
   <source>Fit the film</source>
   <translation>Einpassen</translation>
  </message>
  <message>
   <source>Flag for another look</source>
   <translation>Zur Durchsicht vormerken</translation>
  </message>
  <message>
   <source>Flip left and right</source>
   <translation>Links und rechts spiegeln</translation>
  </message>
  <message>
   <source>Full screen</source>
   <translation>Vollbild</translation>
  </message>
  <message>
   <source>Grow</source>
   <translation>Erweitern</translation>
  </message>
  <message>
   <source>Hand</source>
   <translation>Hand</translation>
  </message>
  <message>
   <source>Heart callipers</source>
   <translation>Herzzirkel</translation>
  </message>
  <message>
   <source>Hide names</source>
   <translation>Namen verbergen</translation>
  </message>
  <message>
   <source>Histogram</source>
   <translation>Histogramm</translation>
  </message>
  <message>
   <source>Invert</source>
   <translation>Invertieren</translation>
  </message>
  <message>
   <source>Keep largest part</source>
   <translation>Nur größten Teil behalten</translation>
  </message>
  <message>
   <source>Larger brush</source>
   <translation>Größerer Pinsel</translation>
  </message>
  <message>
   <source>Magnifier</source>
   <translation>Lupe</translation>
  </message>
  <message>
   <source>Model …</source>
   <translation>Modell …</translation>
  </message>
  <message>
   <source>Name another structure …</source>
   <translation>Weitere Struktur benennen …</translation>
  </message>
  <message>
   <source>New box by keyboard</source>
   <translation>Neuer Rahmen per Tastatur</translation>
  </message>
  <message>
   <source>Next film</source>
   <translation>Nächster Film</translation>
  </message>
  <message>
   <source>Next structure</source>
   <translation>Nächste Struktur</translation>
  </message>
  <message>
   <source>One to one</source>
   <translation>Eins zu eins</translation>
  </message>
  <message>
   <source>Open case …</source>
   <translation>Fall öffnen …</translation>
  </message>
  <message>
   <source>Open film …</source>
   <translation>Film öffnen …</translation>
  </message>
  <message>
   <source>Open folder …</source>
   <translation>Ordner öffnen …</translation>
  </message>
  <message>
   <source>Open results …</source>
   <translation>Ergebnisse öffnen …</translation>
  </message>
  <message>
   <source>Outline again</source>
   <translation>Neu umranden</translation>
  </message>
  <message>
   <source>Outline the prior's lungs</source>
   <translation>Lungen der Voraufnahme umranden</translation>
  </message>
  <message>
   <source>Outlines</source>
   <translation>Konturen</translation>
  </message>
  <message>
   <source>Point</source>
   <translation>Punkt</translation>
  </message>
  <message>
   <source>Polygon</source>
   <translation>Polygon</translation>
  </message>
  <message>
   <source>Previous film</source>
   <translation>Voriger Film</translation>
  </message>
  <message>
   <source>Previous structure</source>
   <translation>Vorige Struktur</translation>
  </message>
  <message>
   <source>Program</source>
   <translation>Programm</translation>
  </message>
  <message>
   <source>Quit</source>
   <translation>Beenden</translation>
  </message>
  <message>
   <source>Redo</source>
   <translation>Wiederholen</translation>
  </message>
  <message>
   <source>Rename …</source>
   <translation>Umbenennen …</translation>
  </message>
  <message>
   <source>Reset view</source>
   <translation>Ansicht zurücksetzen</translation>
  </message>
  <message>
   <source>Rotate left</source>
   <translation>Nach links drehen</translation>
  </message>
  <message>
   <source>Rotate right</source>
   <translation>Nach rechts drehen</translation>
  </message>
  <message>
   <source>Save case</source>
   <translation>Fall sichern</translation>
  </message>
  <message>
   <source>Save case as …</source>
   <translation>Fall sichern als …</translation>
  </message>
  <message>
   <source>Set window …</source>
   <translation>Fenster eingeben …</translation>
  </message>
  <message>
   <source>Settings …</source>
   <translation>Einstellungen …</translation>
  </message>
  <message>
   <source>Shortcuts</source>
   <translation>Tastenkürzel</translation>
  </message>
  <message>
   <source>Show panel</source>
   <translation>Befundleiste zeigen</translation>
  </message>
  <message>
   <source>Show the log</source>
   <translation>Protokoll zeigen</translation>
  </message>
  <message>
   <source>Show what was exported</source>
   <translation>Zeigen, was exportiert wurde</translation>
  </message>
  <message>
   <source>Show worklist</source>
   <translation>Arbeitsliste zeigen</translation>
  </message>
  <message>
   <source>Shrink</source>
   <translation>Verkleinern</translation>
  </message>
  <message>
   <source>Smaller brush</source>
   <translation>Kleinerer Pinsel</translation>
  </message>
  <message>
   <source>Smooth</source>
   <translation>Glätten</translation>
  </message>
  <message>
   <source>Stronger fill</source>
   <translation>Fläche stärker</translation>
  </message>
  <message>
   <source>Tools</source>
   <translation>Werkzeuge</translation>
  </message>
  <message>
   <source>Tour</source>
   <translation>Rundgang</translation>
  </message>
  <message>
   <source>Uncertainty band</source>
   <translation>Unsicherheitsband</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Rückgängig</translation>
  </message>
  <message>
   <source>View</source>
   <translation>Ansicht</translation>
  </message>
  <message>
   <source>Window and level</source>
   <translation>Fenstern</translation>
  </message>
  <message>
   <source>Window preset</source>
   <translation>Fensterung</translation>
  </message>
  <message>
   <source>Zoom in</source>
   <translation>Vergrößern</translation>
  </message>
  <message>
   <source>Zoom out</source>
   <translation>Verkleinern</translation>
  </message>
 </context>
 <context>
  <name>DeidentifyDialog</name>
  <message>
   <source>Export de-identified</source>
   <translation>Ohne Namen exportieren</translation>
  </message>
  <message>
   <source>I have looked: the film shows no name or number</source>
   <translation>Ich habe nachgesehen: Der Film zeigt weder Namen noch Nummer</translation>
  </message>
  <message>
   <source>Keep the patient's sex and age</source>
   <translation>Geschlecht und Alter des Patienten behalten</translation>
  </message>
  <message>
   <source>Names, dates, numbers and comments of the file are left out, and every UID is a new one.</source>
   <translation>Namen, Daten, Nummern und Bemerkungen der Datei bleiben weg, und jede UID ist neu.</translation>
  </message>
  <message>
   <source>No program can promise that no name is written on the film itself. Please look at it.</source>
   <translation>Kein Programm kann versprechen, dass auf dem Film selbst kein Name steht. Bitte sehen Sie ihn an.</translation>
  </message>
  <message>
   <source>The file says that text is burned into the film: results that show it are left out.</source>
   <translation>Laut Datei ist Text in den Film eingebrannt: Ergebnisse, die ihn zeigen, bleiben weg.</translation>
  </message>
  <message>
   <source>The film itself and every result that shows it are written too.</source>
   <translation>Auch der Film selbst und alle Ergebnisse, die ihn zeigen, werden geschrieben.</translation>
  </message>
  <message>
   <source>Without this, results that show the film are left out; outlines and numbers are written.</source>
   <translation>Ohne diese Angabe bleiben Ergebnisse weg, die den Film zeigen; Umrisse und Zahlen werden geschrieben.</translation>
  </message>
 </context>
 <context>
  <name>EntryDelegate</name>
  <message>
   <source>not readable</source>
   <translation>nicht lesbar</translation>
  </message>
 </context>
 <context>
  <name>FindingDelegate</name>
  <message>
   <source>quality</source>
   <translation>Güte</translation>
  </message>
 </context>
 <context>
  <name>FindingsPanel</name>
  <message>
   <source>+ Name another structure</source>
   <translation>+ Weitere Struktur benennen</translation>
  </message>
  <message>
   <source>Accept and export</source>
   <translation>Annehmen, Export</translation>
  </message>
  <message>
   <source>Change</source>
   <translation>Änderung</translation>
  </message>
  <message>
   <source>Choose a row to see how it was measured.</source>
   <translation>Eine Zeile wählen, um zu sehen, wie gemessen wurde.</translation>
  </message>
  <message>
   <source>Drag a box round a lung, or press L for both.</source>
   <translation>Einen Rahmen um eine Lunge ziehen, oder L für beide.</translation>
  </message>
  <message>
   <source>Flag</source>
   <translation>Merken</translation>
  </message>
  <message>
   <source>MEASUREMENTS</source>
   <translation>MESSUNGEN</translation>
  </message>
  <message>
   <source>Measurements</source>
   <translation>Messungen</translation>
  </message>
  <message>
   <source>Measurements or changes</source>
   <translation>Messwerte oder Änderungen</translation>
  </message>
  <message>
   <source>STRUCTURES</source>
   <translation>STRUKTUREN</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Strukturen</translation>
  </message>
  <message>
   <source>{structure}: the model is unsure of this outline. Check it.</source>
   <translation>{structure}: Das Modell ist hier unsicher. Bitte prüfen.</translation>
  </message>
 </context>
 <context>
  <name>Histogram</name>
  <message>
   <source>Histogram</source>
   <translation>Histogramm</translation>
  </message>
 </context>
 <context>
  <name>HistogramDialog</name>
  <message>
   <source>Histogram</source>
   <translation>Histogramm</translation>
  </message>
 </context>
 <context>
  <name>LengthDialog</name>
  <message>
   <source>Calibrate</source>
   <translation>Kalibrieren</translation>
  </message>
  <message>
   <source>True length of the last distance. Every millimetre on this film will follow it.</source>
   <translation>Wahre Länge der letzten Strecke. Alle Millimeter auf diesem Film richten sich danach.</translation>
  </message>
 </context>
 <context>
  <name>MeasurementsModel</name>
  <message>
   <source>both</source>
   <translation>beide</translation>
  </message>
  <message>
   <source>left</source>
   <translation>links</translation>
  </message>
  <message>
   <source>prompt interval</source>
   <translation>Spanne des Rahmens</translation>
  </message>
  <message>
   <source>right</source>
   <translation>rechts</translation>
  </message>
  <message>
   <source>{ends} over boxes drawn a little differently</source>
   <translation>{ends} bei etwas anders gezogenen Rahmen</translation>
  </message>
 </context>
 <context>
  <name>NameDialog</name>
  <message>
   <source>Another …</source>
   <translation>Andere …</translation>
  </message>
  <message>
   <source>Name</source>
   <translation>Name</translation>
  </message>
  <message>
   <source>Name a structure</source>
   <translation>Struktur benennen</translation>
  </message>
  <message>
   <source>Structure</source>
   <translation>Struktur</translation>
  </message>
  <message>
   <source>for example heart</source>
   <translation>zum Beispiel Herz</translation>
  </message>
 </context>
 <context>
  <name>Offer</name>
  <message>
   <source>Not now</source>
   <translation>Jetzt nicht</translation>
  </message>
  <message>
   <source>Open them</source>
   <translation>Öffnen</translation>
  </message>
  <message>
   <source>Results of {date} by {reader} lie beside this film. Open them?</source>
   <translation>Neben dieser Aufnahme liegen Ergebnisse vom {date}, von {reader}. Öffnen?</translation>
  </message>
  <message>
   <source>Results of {date} lie beside this film. Open them?</source>
   <translation>Neben dieser Aufnahme liegen Ergebnisse vom {date}. Öffnen?</translation>
  </message>
 </context>
 <context>
  <name>PriorView</name>
  <message>
   <source>Close the prior</source>
   <translation>Voraufnahme schließen</translation>
  </message>
  <message>
   <source>Prior</source>
   <translation>Voraufnahme</translation>
  </message>
  <message>
   <source>Prior film</source>
   <translation>Voraufnahme</translation>
  </message>
 </context>
 <context>
  <name>SettingsDialog</name>
  <message>
   <source>Choose</source>
   <translation>Auswählen</translation>
  </message>
  <message>
   <source>Display</source>
   <translation>Anzeige</translation>
  </message>
  <message>
   <source>Export</source>
   <translation>Export</translation>
  </message>
  <message>
   <source>General</source>
   <translation>Allgemein</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>Settings</source>
   <translation>Einstellungen</translation>
  </message>
  <message>
   <source>beside the documents</source>
   <translation>bei den Dokumenten</translation>
  </message>
  <message>
   <source>the bundled one</source>
   <translation>das mitgelieferte</translation>
  </message>
 </context>
 <context>
  <name>ShortcutEditor</name>
  <message>
   <source>Back to the profile's own keys</source>
   <translation>Zurück zu den Tasten des Profils</translation>
  </message>
  <message>
   <source>Chest (ours)</source>
   <translation>Thorax (unser)</translation>
  </message>
  <message>
   <source>Edit shortcuts</source>
   <translation>Tastenkürzel ändern</translation>
  </message>
  <message>
   <source>OHIF</source>
   <translation>OHIF</translation>
  </message>
  <message>
   <source>Two commands share a key:</source>
   <translation>Zwei Befehle teilen eine Taste:</translation>
  </message>
  <message>
   <source>Weasis, IHE</source>
   <translation>Weasis, IHE</translation>
  </message>
 </context>
 <context>
  <name>ShortcutSheet</name>
  <message>
   <source>  coarse, fine</source>
   <translation>  grob, fein</translation>
  </message>
  <message>
   <source>Brush size</source>
   <translation>Pinselgröße</translation>
  </message>
  <message>
   <source>Ctrl + wheel</source>
   <translation>Strg + Rad</translation>
  </message>
  <message>
   <source>Ctrl, Alt</source>
   <translation>Strg, Alt</translation>
  </message>
  <message>
   <source>Ctrl, Alt + click</source>
   <translation>Strg, Alt + Klick</translation>
  </message>
  <message>
   <source>MOUSE</source>
   <translation>MAUS</translation>
  </message>
  <message>
   <source>Menu</source>
   <translation>Menü</translation>
  </message>
  <message>
   <source>Move the selected box</source>
   <translation>Gewählten Rahmen verschieben</translation>
  </message>
  <message>
   <source>New box although one is there</source>
   <translation>Neuer Rahmen über einem anderen</translation>
  </message>
  <message>
   <source>Next, previous film</source>
   <translation>Nächster, voriger Film</translation>
  </message>
  <message>
   <source>Pan</source>
   <translation>Verschieben</translation>
  </message>
  <message>
   <source>Point in, point out</source>
   <translation>Punkt dazu, Punkt weg</translation>
  </message>
  <message>
   <source>Resize the selected box</source>
   <translation>Größe des Rahmens ändern</translation>
  </message>
  <message>
   <source>Shift + arrows</source>
   <translation>Umschalt + Pfeile</translation>
  </message>
  <message>
   <source>Shift + drag</source>
   <translation>Umschalt + ziehen</translation>
  </message>
  <message>
   <source>Shift + wheel</source>
   <translation>Umschalt + Rad</translation>
  </message>
  <message>
   <source>Shortcuts</source>
   <translation>Tastenkürzel</translation>
  </message>
  <message>
   <source>Tool; with the box tool, a box</source>
   <translation>Werkzeug; mit dem Rahmen ein Rahmen</translation>
  </message>
  <message>
   <source>Whole film, one to one</source>
   <translation>Ganzer Film, eins zu eins</translation>
  </message>
  <message>
   <source>Window: width and level</source>
   <translation>Fenster: Breite und Lage</translation>
  </message>
  <message>
   <source>Zoom at the pointer</source>
   <translation>Zoom am Zeiger</translation>
  </message>
  <message>
   <source>arrows; Ctrl: 10 px</source>
   <translation>Pfeile; Strg: 10 px</translation>
  </message>
  <message>
   <source>double click</source>
   <translation>Doppelklick</translation>
  </message>
  <message>
   <source>left drag</source>
   <translation>links ziehen</translation>
  </message>
  <message>
   <source>left drag, with its tool</source>
   <translation>links ziehen, mit dem Werkzeug</translation>
  </message>
  <message>
   <source>middle drag, Space + drag</source>
   <translation>mit der Mitte oder Leertaste ziehen</translation>
  </message>
  <message>
   <source>right click</source>
   <translation>Rechtsklick</translation>
  </message>
  <message>
   <source>right drag</source>
   <translation>rechts ziehen</translation>
  </message>
  <message>
   <source>wheel</source>
   <translation>Rad</translation>
  </message>
  <message>
   <source>← →; Ctrl + arrows: 10 px</source>
   <translation>← →; Strg + Pfeile: 10 px</translation>
  </message>
 </context>
 <context>
  <name>StatusLine</name>
  <message>
   <source>Self-test: {result}</source>
   <translation>Selbsttest: {result}</translation>
  </message>
  <message>
   <source>box to outline {ms} ms</source>
   <translation>vom Rahmen zur Kontur {ms} ms</translation>
  </message>
  <message>
   <source>encoding the film</source>
   <translation>Film wird kodiert</translation>
  </message>
  <message>
   <source>film encoded in {ms} ms</source>
   <translation>Film kodiert in {ms} ms</translation>
  </message>
  <message>
   <source>journal cannot be written</source>
   <translation>Sicherungsprotokoll nicht schreibbar</translation>
  </message>
  <message>
   <source>journalled {seconds} s ago</source>
   <translation>mitgeschrieben vor {seconds} s</translation>
  </message>
  <message>
   <source>loading the model</source>
   <translation>Modell wird geladen</translation>
  </message>
  <message>
   <source>no model: draw by hand with brush and polygon</source>
   <translation>kein Modell: von Hand zeichnen mit Pinsel und Polygon</translation>
  </message>
  <message>
   <source>ready</source>
   <translation>bereit</translation>
  </message>
  <message>
   <source>ready, no film</source>
   <translation>bereit, kein Film</translation>
  </message>
  <message>
   <source>research use, not a medical device</source>
   <translation>für Forschung, kein Medizinprodukt</translation>
  </message>
  <message>
   <source>saved</source>
   <translation>gesichert</translation>
  </message>
  <message>
   <source>self-test failed: do not trust the outlines</source>
   <translation>Selbsttest nicht bestanden: den Umrissen nicht trauen</translation>
  </message>
 </context>
 <context>
  <name>Toast</name>
  <message>
   <source>Close this message</source>
   <translation>Meldung schließen</translation>
  </message>
 </context>
 <context>
  <name>Tour</name>
  <message>
   <source>1 of 4: Outline</source>
   <translation>1 von 4: Umranden</translation>
  </message>
  <message>
   <source>2 of 4: Look</source>
   <translation>2 von 4: Betrachten</translation>
  </message>
  <message>
   <source>3 of 4: Correct</source>
   <translation>3 von 4: Korrigieren</translation>
  </message>
  <message>
   <source>4 of 4: Accept</source>
   <translation>4 von 4: Annehmen</translation>
  </message>
  <message>
   <source>Done</source>
   <translation>Fertig</translation>
  </message>
  <message>
   <source>Drag a box round a lung on the film. Or press L for both lungs.</source>
   <translation>Einen Rahmen um eine Lunge ziehen. Oder L für beide Lungen drücken.</translation>
  </message>
  <message>
   <source>Drag an edge of the box, or press E and paint. Ctrl+Z takes it back.</source>
   <translation>Eine Kante des Rahmens ziehen, oder E drücken und malen. Strg+Z nimmt es zurück.</translation>
  </message>
  <message>
   <source>Drag with the right button: sideways for contrast, down for brightness.</source>
   <translation>Mit der rechten Taste ziehen: seitwärts Kontrast, nach unten Helligkeit.</translation>
  </message>
  <message>
   <source>End tour</source>
   <translation>Beenden</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Weiter</translation>
  </message>
  <message>
   <source>Press K to flag a film, or Enter to accept it. F1 shows every key.</source>
   <translation>K merkt einen Film vor, Eingabe nimmt ihn an. F1 zeigt alle Tasten.</translation>
  </message>
 </context>
 <context>
  <name>Window</name>
  <message>
   <source>&amp;Edit</source>
   <translation>&amp;Bearbeiten</translation>
  </message>
  <message>
   <source>&amp;File</source>
   <translation>&amp;Datei</translation>
  </message>
  <message>
   <source>&amp;Help</source>
   <translation>&amp;Hilfe</translation>
  </message>
  <message>
   <source>&amp;Tools</source>
   <translation>&amp;Werkzeuge</translation>
  </message>
  <message>
   <source>&amp;View</source>
   <translation>&amp;Ansicht</translation>
  </message>
  <message>
   <source>Distance</source>
   <translation>Strecke</translation>
  </message>
  <message>
   <source>Heart</source>
   <translation>Herz</translation>
  </message>
  <message>
   <source>Hide names</source>
   <translation>Namen verbergen</translation>
  </message>
  <message>
   <source>Names hidden</source>
   <translation>Namen verborgen</translation>
  </message>
  <message>
   <source>Recent</source>
   <translation>Zuletzt geöffnet</translation>
  </message>
  <message>
   <source>Window</source>
   <translation>Fenster</translation>
  </message>
  <message>
   <source>Window presets</source>
   <translation>Fensterungen</translation>
  </message>
 </context>
 <context>
  <name>WindowDialog</name>
  <message>
   <source>Black at</source>
   <translation>Schwarz bei</translation>
  </message>
  <message>
   <source>Level</source>
   <translation>Lage</translation>
  </message>
  <message>
   <source>Set window</source>
   <translation>Fenster eingeben</translation>
  </message>
  <message>
   <source>White at</source>
   <translation>Weiß bei</translation>
  </message>
  <message>
   <source>Width</source>
   <translation>Breite</translation>
  </message>
 </context>
 <context>
  <name>Wording</name>
  <message>
   <source>1 film</source>
   <translation>1 Film</translation>
  </message>
  <message>
   <source>1 step</source>
   <translation>1 Schritt</translation>
  </message>
  <message>
   <source>A lookup table of the header is unusable.</source>
   <translation>Eine Tabelle der Kopfdaten ist unbrauchbar.</translation>
  </message>
  <message>
   <source>A raw image, made for processing, not for reading.</source>
   <translation>Ein Rohbild, zur Verarbeitung, nicht zum Befunden.</translation>
  </message>
  <message>
   <source>AP view: the heart is magnified, the ratio reads too high.</source>
   <translation>AP-Aufnahme: Das Herz ist vergrößert, der Quotient zu hoch.</translation>
  </message>
  <message>
   <source>AP view: the heart reads too large.</source>
   <translation>AP-Aufnahme: Das Herz erscheint zu groß.</translation>
  </message>
  <message>
   <source>About Lungbox</source>
   <translation>Über Lungbox</translation>
  </message>
  <message>
   <source>Add a model</source>
   <translation>Modell hinzufügen</translation>
  </message>
  <message>
   <source>Add a model file …</source>
   <translation>Modelldatei hinzufügen …</translation>
  </message>
  <message>
   <source>All files</source>
   <translation>Alle Dateien</translation>
  </message>
  <message>
   <source>An internal error</source>
   <translation>Interner Fehler</translation>
  </message>
  <message>
   <source>Asymmetry</source>
   <translation>Asymmetrie</translation>
  </message>
  <message>
   <source>Auto</source>
   <translation>Automatisch</translation>
  </message>
  <message>
   <source>Both lungs</source>
   <translation>Beide Lungen</translation>
  </message>
  <message>
   <source>Both lungs must be outlined.</source>
   <translation>Beide Lungen müssen umrandet sein.</translation>
  </message>
  <message>
   <source>CPU</source>
   <translation>CPU</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Abbrechen</translation>
  </message>
  <message>
   <source>Card of the model</source>
   <translation>Karte des Modells</translation>
  </message>
  <message>
   <source>Cardiothoracic ratio</source>
   <translation>Herz-Thorax-Quotient</translation>
  </message>
  <message>
   <source>Close</source>
   <translation>Schließen</translation>
  </message>
  <message>
   <source>Close without them</source>
   <translation>Ohne sie schließen</translation>
  </message>
  <message>
   <source>Colour was reduced to grey.</source>
   <translation>Farbe wurde auf Grau reduziert.</translation>
  </message>
  <message>
   <source>Commit</source>
   <translation>Commit</translation>
  </message>
  <message>
   <source>Contradictory spacing: sizes in pixels only.</source>
   <translation>Widersprüchlicher Pixelabstand: Größen nur in Pixeln.</translation>
  </message>
  <message>
   <source>Costophrenic angle</source>
   <translation>Kostophrenischer Winkel</translation>
  </message>
  <message>
   <source>Could not be written. Your work is still here.</source>
   <translation>Konnte nicht geschrieben werden. Ihre Arbeit ist noch da.</translation>
  </message>
  <message>
   <source>Device</source>
   <translation>Gerät</translation>
  </message>
  <message>
   <source>Discard</source>
   <translation>Verwerfen</translation>
  </message>
  <message>
   <source>Distance {number}</source>
   <translation>Strecke {number}</translation>
  </message>
  <message>
   <source>Does not look like a frontal chest film: the outlines cannot be trusted.</source>
   <translation>Sieht nicht nach einer frontalen Thoraxaufnahme aus: Den Konturen ist nicht zu trauen.</translation>
  </message>
  <message>
   <source>Dome height</source>
   <translation>Kuppelhöhe</translation>
  </message>
  <message>
   <source>Dragging down brightens</source>
   <translation>Nach unten ziehen hellt auf</translation>
  </message>
  <message>
   <source>Encoded films kept in memory</source>
   <translation>Kodierte Filme im Speicher</translation>
  </message>
  <message>
   <source>Encoded films kept on disk</source>
   <translation>Kodierte Filme auf der Platte</translation>
  </message>
  <message>
   <source>Export</source>
   <translation>Export</translation>
  </message>
  <message>
   <source>Export to</source>
   <translation>Exportieren nach</translation>
  </message>
  <message>
   <source>Export when accepting</source>
   <translation>Beim Annehmen exportieren</translation>
  </message>
  <message>
   <source>Exported, de-identified: {folder}</source>
   <translation>Ohne Namen exportiert: {folder}</translation>
  </message>
  <message>
   <source>Exported: {folder}</source>
   <translation>Exportiert: {folder}</translation>
  </message>
  <message>
   <source>Fallback</source>
   <translation>Ausweichlösung</translation>
  </message>
  <message>
   <source>Films</source>
   <translation>Filme</translation>
  </message>
  <message>
   <source>Full range</source>
   <translation>Ganzer Umfang</translation>
  </message>
  <message>
   <source>GPU</source>
   <translation>GPU</translation>
  </message>
  <message>
   <source>Grey values of two exposures do not compare.</source>
   <translation>Grauwerte zweier Belichtungen sind nicht vergleichbar.</translation>
  </message>
  <message>
   <source>Header</source>
   <translation>Kopfdaten</translation>
  </message>
  <message>
   <source>Heart diameter</source>
   <translation>Herzdurchmesser</translation>
  </message>
  <message>
   <source>Heart, left of midline</source>
   <translation>Herz links der Mittellinie</translation>
  </message>
  <message>
   <source>Heart, right of midline</source>
   <translation>Herz rechts der Mittellinie</translation>
  </message>
  <message>
   <source>Height to angle</source>
   <translation>Höhe bis Winkel</translation>
  </message>
  <message>
   <source>Height to dome</source>
   <translation>Höhe bis Kuppel</translation>
  </message>
  <message>
   <source>Interpolation</source>
   <translation>Interpolation</translation>
  </message>
  <message>
   <source>Keep for next time</source>
   <translation>Fürs nächste Mal behalten</translation>
  </message>
  <message>
   <source>L</source>
   <translation>L</translation>
  </message>
  <message>
   <source>Language (after restart)</source>
   <translation>Sprache (nach Neustart)</translation>
  </message>
  <message>
   <source>Later</source>
   <translation>Später</translation>
  </message>
  <message>
   <source>Left lung</source>
   <translation>Linke Lunge</translation>
  </message>
  <message>
   <source>Left to right</source>
   <translation>Links zu rechts</translation>
  </message>
  <message>
   <source>Licence</source>
   <translation>Lizenz</translation>
  </message>
  <message>
   <source>Licences</source>
   <translation>Lizenzen</translation>
  </message>
  <message>
   <source>Log</source>
   <translation>Protokoll</translation>
  </message>
  <message>
   <source>Lossy compression has changed the grey values.</source>
   <translation>Verlustbehaftete Kompression hat die Grauwerte verändert.</translation>
  </message>
  <message>
   <source>Lossy compression: fine detail may be lost.</source>
   <translation>Verlustbehaftete Kompression: Feine Einzelheiten können fehlen.</translation>
  </message>
  <message>
   <source>Lower zone</source>
   <translation>Unteres Feld</translation>
  </message>
  <message>
   <source>Lung</source>
   <translation>Lunge</translation>
  </message>
  <message>
   <source>Lungbox cases</source>
   <translation>Lungbox-Fälle</translation>
  </message>
  <message>
   <source>Lungbox did not end properly. Unsaved work can be restored: {films}, {steps}.</source>
   <translation>Lungbox wurde nicht richtig beendet. Ungesicherte Arbeit kann wiederhergestellt werden: {films}, {steps}.</translation>
  </message>
  <message>
   <source>Mark outlines with quality below</source>
   <translation>Konturen markieren mit Güte unter</translation>
  </message>
  <message>
   <source>Maximum width</source>
   <translation>Größte Breite</translation>
  </message>
  <message>
   <source>Mean grey</source>
   <translation>Mittlerer Grauwert</translation>
  </message>
  <message>
   <source>Mediastinum</source>
   <translation>Mediastinum</translation>
  </message>
  <message>
   <source>Middle zone</source>
   <translation>Mittelfeld</translation>
  </message>
  <message>
   <source>Millimetres at the detector: larger than in the patient.</source>
   <translation>Millimeter am Detektor: größer als im Patienten.</translation>
  </message>
  <message>
   <source>Millimetres at the detector; magnification not applied.</source>
   <translation>Millimeter am Detektor; Vergrößerung nicht herausgerechnet.</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>Model file</source>
   <translation>Modelldatei</translation>
  </message>
  <message>
   <source>Models</source>
   <translation>Modelle</translation>
  </message>
  <message>
   <source>Names are hidden and nothing is exported by itself. Tell your IT department: {faults}</source>
   <translation>Namen sind verborgen, und nichts wird von selbst exportiert. Bitte der IT-Abteilung melden: {faults}</translation>
  </message>
  <message>
   <source>Next film after accepting</source>
   <translation>Nach dem Annehmen weiter zum nächsten Film</translation>
  </message>
  <message>
   <source>No model is loaded.</source>
   <translation>Kein Modell geladen.</translation>
  </message>
  <message>
   <source>No pixel spacing: sizes in pixels only.</source>
   <translation>Kein Pixelabstand: Größen nur in Pixeln.</translation>
  </message>
  <message>
   <source>Not a frontal view: the outlines cannot be trusted.</source>
   <translation>Keine frontale Aufnahme: Den Konturen ist nicht zu trauen.</translation>
  </message>
  <message>
   <source>Not done: an outline is still to come. Look at it first.</source>
   <translation>Nicht ausgeführt: Ein Umriss fehlt noch. Sehen Sie ihn zuerst an.</translation>
  </message>
  <message>
   <source>Nothing to accept yet: outline a lung first.</source>
   <translation>Noch nichts anzunehmen: zuerst eine Lunge umranden.</translation>
  </message>
  <message>
   <source>Nothing was changed: another film has come up meanwhile.</source>
   <translation>Nichts geändert: Inzwischen ist eine andere Aufnahme offen.</translation>
  </message>
  <message>
   <source>Nothing was exported since the start.</source>
   <translation>Seit dem Start wurde nichts exportiert.</translation>
  </message>
  <message>
   <source>OK</source>
   <translation>OK</translation>
  </message>
  <message>
   <source>One mask of both lungs, split into sides automatically.</source>
   <translation>Eine Maske beider Lungen, automatisch nach Seiten geteilt.</translation>
  </message>
  <message>
   <source>Open case</source>
   <translation>Fall öffnen</translation>
  </message>
  <message>
   <source>Open film</source>
   <translation>Film öffnen</translation>
  </message>
  <message>
   <source>Open folder</source>
   <translation>Ordner öffnen</translation>
  </message>
  <message>
   <source>Open results</source>
   <translation>Ergebnisse öffnen</translation>
  </message>
  <message>
   <source>Orientation not stated: R and L are assumed.</source>
   <translation>Ausrichtung nicht angegeben: R und L sind angenommen.</translation>
  </message>
  <message>
   <source>Orientation not stated: taken as upright, right on the image's left.</source>
   <translation>Ausrichtung nicht angegeben: als aufrecht angenommen, rechts liegt links im Bild.</translation>
  </message>
  <message>
   <source>Other</source>
   <translation>Andere</translation>
  </message>
  <message>
   <source>Outline follows while a box is dragged</source>
   <translation>Kontur folgt dem gezogenen Rahmen</translation>
  </message>
  <message>
   <source>Outlined by the model; nobody has corrected it.</source>
   <translation>Vom Modell umrandet; niemand hat es korrigiert.</translation>
  </message>
  <message>
   <source>Outlined in this session.</source>
   <translation>In dieser Sitzung umrandet.</translation>
  </message>
  <message>
   <source>Outlines and measures the lungs on a chest film, offline. Research use, not a medical device.</source>
   <translation>Umrandet und misst die Lungen auf einer Thoraxaufnahme, ohne Netz. Für Forschung, kein Medizinprodukt.</translation>
  </message>
  <message>
   <source>Outlines from its case file.</source>
   <translation>Konturen aus der Falldatei.</translation>
  </message>
  <message>
   <source>Outlines from the results beside it.</source>
   <translation>Konturen aus den Ergebnissen daneben.</translation>
  </message>
  <message>
   <source>Perimeter</source>
   <translation>Umfang</translation>
  </message>
  <message>
   <source>Place the heart callipers first (C).</source>
   <translation>Zuerst den Herzzirkel setzen (C).</translation>
  </message>
  <message>
   <source>Program</source>
   <translation>Programm</translation>
  </message>
  <message>
   <source>Projected area</source>
   <translation>Projizierte Fläche</translation>
  </message>
  <message>
   <source>R</source>
   <translation>R</translation>
  </message>
  <message>
   <source>Remember recent films</source>
   <translation>Zuletzt geöffnete Filme merken</translation>
  </message>
  <message>
   <source>Replace it</source>
   <translation>Ersetzen</translation>
  </message>
  <message>
   <source>Restore</source>
   <translation>Wiederherstellen</translation>
  </message>
  <message>
   <source>Restore work</source>
   <translation>Arbeit wiederherstellen</translation>
  </message>
  <message>
   <source>Results</source>
   <translation>Ergebnisse</translation>
  </message>
  <message>
   <source>Results are still being written. Lungbox closes when they are.</source>
   <translation>Es werden noch Ergebnisse geschrieben. Danach schließt sich Lungbox.</translation>
  </message>
  <message>
   <source>Right dome above left</source>
   <translation>Rechte Kuppel über linker</translation>
  </message>
  <message>
   <source>Right lung</source>
   <translation>Rechte Lunge</translation>
  </message>
  <message>
   <source>Run the model on</source>
   <translation>Modell rechnet auf</translation>
  </message>
  <message>
   <source>Runs on</source>
   <translation>Läuft auf</translation>
  </message>
  <message>
   <source>Save</source>
   <translation>Sichern</translation>
  </message>
  <message>
   <source>Save case</source>
   <translation>Fall sichern</translation>
  </message>
  <message>
   <source>Saved.</source>
   <translation>Gesichert.</translation>
  </message>
  <message>
   <source>Self-test</source>
   <translation>Selbsttest</translation>
  </message>
  <message>
   <source>Settings</source>
   <translation>Einstellungen</translation>
  </message>
  <message>
   <source>Size of text</source>
   <translation>Schriftgröße</translation>
  </message>
  <message>
   <source>Some of these results could not be opened.</source>
   <translation>Einige dieser Ergebnisse konnten nicht geöffnet werden.</translation>
  </message>
  <message>
   <source>Some settings could not be read.</source>
   <translation>Einige Einstellungen waren nicht lesbar.</translation>
  </message>
  <message>
   <source>Something went wrong inside Lungbox. Your work is kept; save it, and report this: {place}</source>
   <translation>In Lungbox ist ein Fehler aufgetreten. Ihre Arbeit ist erhalten; sichern Sie sie und melden Sie dies: {place}</translation>
  </message>
  <message>
   <source>Speed of window drag</source>
   <translation>Tempo der Fensterung</translation>
  </message>
  <message>
   <source>Start with names hidden</source>
   <translation>Mit verborgenen Namen beginnen</translation>
  </message>
  <message>
   <source>Strength of fill</source>
   <translation>Stärke der Fläche</translation>
  </message>
  <message>
   <source>Supine: the diaphragm stands higher and the heart is wider than upright.</source>
   <translation>Im Liegen: Das Zwerchfell steht höher, das Herz ist breiter als im Stehen.</translation>
  </message>
  <message>
   <source>System</source>
   <translation>System</translation>
  </message>
  <message>
   <source>Table {name}</source>
   <translation>Tabelle {name}</translation>
  </message>
  <message>
   <source>Text may be burned into the pixels: look for names before sharing.</source>
   <translation>Text kann ins Bild eingebrannt sein: vor dem Weitergeben nach Namen sehen.</translation>
  </message>
  <message>
   <source>That did not work.</source>
   <translation>Das hat nicht geklappt.</translation>
  </message>
  <message>
   <source>The defaults are used for them. The file was kept aside.</source>
   <translation>Für sie gelten die Vorgaben. Die Datei wurde beiseite gelegt.</translation>
  </message>
  <message>
   <source>The faster engine cannot be used here: the model runs on another, more slowly.</source>
   <translation>Die schnellere Recheneinheit ist hier nicht nutzbar: Das Modell läuft langsamer auf einer anderen.</translation>
  </message>
  <message>
   <source>The file begins like a program. It was read as a film only.</source>
   <translation>Die Datei beginnt wie ein Programm. Sie wurde nur als Film gelesen.</translation>
  </message>
  <message>
   <source>The file does not say what its grey values mean.</source>
   <translation>Die Datei sagt nicht, was ihre Grauwerte bedeuten.</translation>
  </message>
  <message>
   <source>The film does not say at which plane its millimetres hold.</source>
   <translation>Der Film sagt nicht, in welcher Ebene seine Millimeter gelten.</translation>
  </message>
  <message>
   <source>The film does not say that it is a chest.</source>
   <translation>Der Film sagt nicht, dass er einen Thorax zeigt.</translation>
  </message>
  <message>
   <source>The film does not state its view.</source>
   <translation>Der Film nennt seine Projektion nicht.</translation>
  </message>
  <message>
   <source>The film of these results was found and opened.</source>
   <translation>Die Aufnahme dieser Ergebnisse wurde gefunden und geöffnet.</translation>
  </message>
  <message>
   <source>The film was left before an outline had come: it was dropped.</source>
   <translation>Die Aufnahme wurde verlassen, bevor ein Umriss kam: Er wurde verworfen.</translation>
  </message>
  <message>
   <source>The first case was opened. Open the others one at a time.</source>
   <translation>Der erste Fall ist offen. Öffnen Sie die anderen einzeln.</translation>
  </message>
  <message>
   <source>The header has oddities; see the log.</source>
   <translation>Die Kopfdaten haben Eigenheiten; siehe Protokoll.</translation>
  </message>
  <message>
   <source>The header's polarity was contradictory and was corrected. Press I if it looks wrong.</source>
   <translation>Die Polarität der Kopfdaten war widersprüchlich und wurde berichtigt. I drücken, wenn sie falsch aussieht.</translation>
  </message>
  <message>
   <source>The header's rescale is unusable.</source>
   <translation>Die Umrechnung der Kopfdaten ist unbrauchbar.</translation>
  </message>
  <message>
   <source>The header's window is unusable.</source>
   <translation>Das Fenster der Kopfdaten ist unbrauchbar.</translation>
  </message>
  <message>
   <source>The log is empty.</source>
   <translation>Das Protokoll ist leer.</translation>
  </message>
  <message>
   <source>The mask has no base wide enough for a diaphragm.</source>
   <translation>Die Maske hat keine Basis, die für ein Zwerchfell breit genug ist.</translation>
  </message>
  <message>
   <source>The mask is empty.</source>
   <translation>Die Maske ist leer.</translation>
  </message>
  <message>
   <source>The mask is in several parts; lengths are of the largest.</source>
   <translation>Die Maske hat mehrere Teile; Längen gelten für den größten.</translation>
  </message>
  <message>
   <source>The mask reaches the edge of the film.</source>
   <translation>Die Maske reicht an den Rand des Films.</translation>
  </message>
  <message>
   <source>The masks of the two lungs overlap.</source>
   <translation>Die Masken beider Lungen überschneiden sich.</translation>
  </message>
  <message>
   <source>The midline has no length, or the heart's borders are exchanged.</source>
   <translation>Die Mittellinie hat keine Länge, oder die Herzränder sind vertauscht.</translation>
  </message>
  <message>
   <source>The model cannot be used.</source>
   <translation>Das Modell ist nicht verwendbar.</translation>
  </message>
  <message>
   <source>The model could not be run.</source>
   <translation>Das Modell konnte nicht ausgeführt werden.</translation>
  </message>
  <message>
   <source>The model gave no usable result.</source>
   <translation>Das Modell lieferte kein brauchbares Ergebnis.</translation>
  </message>
  <message>
   <source>The model sees no lung in this box.</source>
   <translation>Das Modell sieht in diesem Rahmen keine Lunge.</translation>
  </message>
  <message>
   <source>The model's process ended and was started again. Nothing was lost.</source>
   <translation>Der Prozess des Modells endete und wurde neu gestartet. Nichts ging verloren.</translation>
  </message>
  <message>
   <source>The new outline was dropped: the mask has been changed meanwhile.</source>
   <translation>Der neue Umriss wurde verworfen: Die Maske wurde inzwischen geändert.</translation>
  </message>
  <message>
   <source>The outline is too short beside the costophrenic angle.</source>
   <translation>Die Kontur neben dem kostophrenischen Winkel ist zu kurz.</translation>
  </message>
  <message>
   <source>The policy file for this computer cannot be used.</source>
   <translation>Die Richtliniendatei dieses Rechners ist nicht brauchbar.</translation>
  </message>
  <message>
   <source>The results are open; undo takes them back.</source>
   <translation>Die Ergebnisse sind geöffnet; Rückgängig nimmt sie zurück.</translation>
  </message>
  <message>
   <source>The self-test failed: do not trust the outlines.</source>
   <translation>Der Selbsttest ist nicht bestanden: den Umrissen nicht trauen.</translation>
  </message>
  <message>
   <source>The two films are calibrated in different ways: only ratios and angles compare.</source>
   <translation>Die beiden Aufnahmen sind verschieden kalibriert: Nur Verhältnisse und Winkel sind vergleichbar.</translation>
  </message>
  <message>
   <source>These results cannot be opened.</source>
   <translation>Diese Ergebnisse können nicht geöffnet werden.</translation>
  </message>
  <message>
   <source>This cannot be measured.</source>
   <translation>Das lässt sich nicht messen.</translation>
  </message>
  <message>
   <source>This case cannot be opened.</source>
   <translation>Dieser Fall lässt sich nicht öffnen.</translation>
  </message>
  <message>
   <source>This copy runs from its source: its components are where Python keeps them.</source>
   <translation>Diese Kopie läuft aus dem Quelltext: Ihre Bestandteile liegen, wo Python sie hält.</translation>
  </message>
  <message>
   <source>This file is not a single radiograph.</source>
   <translation>Diese Datei ist keine einzelne Röntgenaufnahme.</translation>
  </message>
  <message>
   <source>This film is damaged and was not opened.</source>
   <translation>Dieser Film ist beschädigt und wurde nicht geöffnet.</translation>
  </message>
  <message>
   <source>This film is too large to open.</source>
   <translation>Dieser Film ist zu groß zum Öffnen.</translation>
  </message>
  <message>
   <source>This is not a frontal view.</source>
   <translation>Dies ist keine frontale Aufnahme.</translation>
  </message>
  <message>
   <source>This is the first film of the list.</source>
   <translation>Dies ist der erste Film der Liste.</translation>
  </message>
  <message>
   <source>This is the last film of the list.</source>
   <translation>Dies ist der letzte Film der Liste.</translation>
  </message>
  <message>
   <source>This kind of film is not supported.</source>
   <translation>Diese Art Film wird nicht unterstützt.</translation>
  </message>
  <message>
   <source>This prompt cannot be used.</source>
   <translation>Diese Vorgabe ist nicht verwendbar.</translation>
  </message>
  <message>
   <source>Thoracic diameter</source>
   <translation>Thoraxdurchmesser</translation>
  </message>
  <message>
   <source>Unsaved work</source>
   <translation>Ungesicherte Arbeit</translation>
  </message>
  <message>
   <source>Unusable pixel spacing: sizes in pixels only.</source>
   <translation>Unbrauchbarer Pixelabstand: Größen nur in Pixeln.</translation>
  </message>
  <message>
   <source>Upper zone</source>
   <translation>Oberes Feld</translation>
  </message>
  <message>
   <source>Use this model</source>
   <translation>Dieses Modell verwenden</translation>
  </message>
  <message>
   <source>Width of outlines</source>
   <translation>Breite der Konturen</translation>
  </message>
  <message>
   <source>Without millimetres on both films only ratios and angles compare.</source>
   <translation>Ohne Millimeter auf beiden Aufnahmen sind nur Verhältnisse und Winkel vergleichbar.</translation>
  </message>
  <message>
   <source>Work that is in no case file: {films}.</source>
   <translation>Arbeit, die in keiner Falldatei steht: {films}.</translation>
  </message>
  <message>
   <source>Writing the results.</source>
   <translation>Die Ergebnisse werden geschrieben.</translation>
  </message>
  <message>
   <source>accepted</source>
   <translation>angenommen</translation>
  </message>
  <message>
   <source>added</source>
   <translation>hinzugefügt</translation>
  </message>
  <message>
   <source>as the system</source>
   <translation>wie das System</translation>
  </message>
  <message>
   <source>boxed</source>
   <translation>umrandet</translation>
  </message>
  <message>
   <source>cannot be used</source>
   <translation>nicht verwendbar</translation>
  </message>
  <message>
   <source>corrected</source>
   <translation>korrigiert</translation>
  </message>
  <message>
   <source>cubic</source>
   <translation>kubisch</translation>
  </message>
  <message>
   <source>detector</source>
   <translation>Detektor</translation>
  </message>
  <message>
   <source>drawn</source>
   <translation>gezeichnet</translation>
  </message>
  <message>
   <source>edited</source>
   <translation>bearbeitet</translation>
  </message>
  <message>
   <source>fiducial</source>
   <translation>Maßkörper</translation>
  </message>
  <message>
   <source>flagged</source>
   <translation>vorgemerkt</translation>
  </message>
  <message>
   <source>imported</source>
   <translation>übernommen</translation>
  </message>
  <message>
   <source>lateral</source>
   <translation>seitlich</translation>
  </message>
  <message>
   <source>linear</source>
   <translation>linear</translation>
  </message>
  <message>
   <source>mm at the detector</source>
   <translation>mm am Detektor</translation>
  </message>
  <message>
   <source>mm at the film's surface</source>
   <translation>mm auf der Filmfläche</translation>
  </message>
  <message>
   <source>mm by fiducial</source>
   <translation>mm nach Maßkörper</translation>
  </message>
  <message>
   <source>mm calibrated by the reader</source>
   <translation>mm vom Befunder kalibriert</translation>
  </message>
  <message>
   <source>mm corrected for magnification</source>
   <translation>mm, Vergrößerung herausgerechnet</translation>
  </message>
  <message>
   <source>mm corrected, type not stated</source>
   <translation>mm korrigiert, Art nicht angegeben</translation>
  </message>
  <message>
   <source>mm, origin unknown</source>
   <translation>mm, Herkunft unbekannt</translation>
  </message>
  <message>
   <source>new</source>
   <translation>neu</translation>
  </message>
  <message>
   <source>none (pixels)</source>
   <translation>keine (Pixel)</translation>
  </message>
  <message>
   <source>other view</source>
   <translation>andere Projektion</translation>
  </message>
  <message>
   <source>outlined</source>
   <translation>umrandet</translation>
  </message>
  <message>
   <source>patient</source>
   <translation>Patient</translation>
  </message>
  <message>
   <source>pixels only, no millimetres</source>
   <translation>nur Pixel, keine Millimeter</translation>
  </message>
  <message>
   <source>reader</source>
   <translation>Befunder</translation>
  </message>
  <message>
   <source>scanner</source>
   <translation>Scanner</translation>
  </message>
  <message>
   <source>set by your IT department</source>
   <translation>von der IT-Abteilung festgelegt</translation>
  </message>
  <message>
   <source>shipped</source>
   <translation>mitgeliefert</translation>
  </message>
  <message>
   <source>the model has its own, on its card</source>
   <translation>das Modell hat eine eigene, auf seiner Karte</translation>
  </message>
  <message>
   <source>unknown</source>
   <translation>unbekannt</translation>
  </message>
  <message>
   <source>whatever is fastest</source>
   <translation>was am schnellsten ist</translation>
  </message>
  <message>
   <source>{count} films</source>
   <translation>{count} Filme</translation>
  </message>
  <message>
   <source>{count} steps</source>
   <translation>{count} Schritte</translation>
  </message>
  <message>
   <source>{name} is there already.</source>
   <translation>{name} gibt es schon.</translation>
  </message>
  <message>
   <source>{name}, left</source>
   <translation>{name}, links</translation>
  </message>
  <message>
   <source>{name}, right</source>
   <translation>{name}, rechts</translation>
  </message>
 </context>
 <context>
  <name>WorklistPanel</name>
  <message>
   <source>Search</source>
   <translation>Suchen</translation>
  </message>
  <message>
   <source>Search the worklist</source>
   <translation>Arbeitsliste durchsuchen</translation>
  </message>
  <message>
   <source>WORKLIST</source>
   <translation>ARBEITSLISTE</translation>
  </message>
  <message>
   <source>Worklist</source>
   <translation>Arbeitsliste</translation>
  </message>
  <message>
   <source>{place} of {total}</source>
   <translation>{place} von {total}</translation>
  </message>
 </context>
</TS>
